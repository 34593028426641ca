"""Build data sets.

limit_dataset.py       LIMIT: every pair of documents is asked for
growth.py              the same queries on nested corpora
reduce.py              fewer tasks and smaller corpora that rank systems alike
machine_translated.py  a benchmark in another language
synthetic_queries.py   queries taken from the documents themselves
"""
