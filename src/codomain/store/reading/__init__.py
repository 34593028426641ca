"""The read path: queries to documents, and documents without a query.

search.py     a search, from queries to documents
by_vector.py  searches that start from vectors, and the vectors of documents
hits.py       rows to answers
listing.py    documents without a query: listed, counted, by the values of a field
passages.py   what a chunk says, as encoders see it
"""
