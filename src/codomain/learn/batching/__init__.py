"""Which rows share a batch.

shuffled.py       batches of shuffled rows
no_duplicates.py  batches in which no item is twice
"""
