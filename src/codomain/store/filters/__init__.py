"""Filters over metadata and words: which rows a search may return.

where.py    the syntax tree, from an expression or from the dict that vector databases use
parser.py   the expression form: tokens, then recursive descent
moments.py  dates and times, `now()` and durations
columns.py  metadata by column: for each field its sorted values with their rows
collecting.py  values of documents, turned into what columns keep
masks.py    the rows that a filter allows, from columns where they reach, from the database for the rest
words.py    which rows the words of a query allow
"""
