"""Texts in files: documents, tables, and the chunks that encoders take.

documents.py     files that are one document each, plain text and Markdown
front_matter.py  the settings at the top of a Markdown file
tables.py        files of many rows: how lines are read, JSON lines, plain lines
delimited.py     CSV and its kin
json_file.py     JSON: lists of objects, and other JSON
headings.py      the headings of Markdown
fitting.py       chunks that fit what encoders read
passage.py       what a chunk says, under its title and headings
chunks.py        a record cut into pieces with exact offsets and headings
"""
