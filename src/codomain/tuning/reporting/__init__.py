"""What `tune` found, for people and programs.

report.py      the table, and everything as JSON, a page and a picture
sentences.py   what the data show and what they cannot, in words
plot.py        the frontier as a picture
"""
