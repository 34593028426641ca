"""Texts in files: documents, tables, and the chunks that encoders take.

documents.py     files that are one document each: plain text, Markdown, HTML, PDF, Word
front_matter.py  the settings at the top of a Markdown file
tables.py        files of many rows: JSON lines, CSV, Parquet, plain lines
headings.py      the headings of Markdown
fitting.py       chunks that fit what encoders read
passage.py       what a chunk says, under its title and headings
chunks.py        a record cut into pieces with exact offsets and headings
"""
