"""Data sets to measure on.

datasets.py  shipped sets, folders in the BEIR layout, a user's own files
shipped.py   the sets inside the package
lines.py      lines and JSON objects of files
judgments.py  judgments against what they judge
tables.py    tables of texts told apart by their columns
trec.py      TREC collections
hub.py       ir_datasets and the Hugging Face hub
corpus.py    passages with their documents, and queries with answers, as pipelines are compared on them
runs.py      what a pipeline answered to each query, and TREC run files
encoded.py   encoded texts kept on disk between runs
"""
