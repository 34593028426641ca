"""Where the queries of `tune` come from, and what is right for them.

source.py    given, made from the documents, told by users
filters.py   the filters that queries are asked with
users.py     feedback and clicks as judgments
judge.py     judgments by a callable
"""
