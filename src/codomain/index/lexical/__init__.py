"""What `bm25()` is made of: posting lists, the terms in them, and what each posting adds to a score.

postings.py     posting lists of terms
vocabulary.py   terms of an index by their first letters, and those one typing error away
impacts.py      what each posting adds to the score of its row, computed once
sequences.py    where words stand in documents, in memory
scorer.py       scores of queries over segments, and the k best rows
_kernels.py     the same loops compiled
"""
