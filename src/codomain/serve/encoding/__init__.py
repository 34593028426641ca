"""Texts of requests to vectors and scores.

batching.py   texts of concurrent requests, encoded together
embedding.py  what every dialect asks of an encoder: vectors, shortened, counted, in a compact form
reranking.py  texts scored for a query by an encoder's similarity
token_ids.py  texts that come as numbers of a vocabulary
"""
