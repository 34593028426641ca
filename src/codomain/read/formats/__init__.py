"""The formats of files that are no plain text, a file each.

arrow.py          Parquet, Arrow and Feather
npy.py            arrays of numpy
workbook.py       sheets of Excel and OpenDocument
database.py       the rows of an SQL query
html.py           web pages
pdf.py            PDF
reading_order.py  the lines of a page in the order in which they are read
archive.py        documents that are archives of XML
word.py           Word
slides.py         PowerPoint
opendocument.py   OpenDocument text and slides
epub.py           books
rtf.py            Rich Text Format
notebook.py       notebooks
mail.py           letters and mailboxes
man.py            manual pages
"""
