"""Which documents serve as negatives.

table.py           candidates of each query as flat arrays: rows, scores, which are positive
hard_negatives.py  the nearest documents that are no positives
"""
