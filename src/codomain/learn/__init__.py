"""Data to better encoders.

static.py      distil a static table from a transformer, `codomain learn static`
corpus.py      unlabelled texts from open sources, named by a recipe
teacher.py     a teacher's vectors on disk, so that long work can be stopped and resumed
vocabulary.py  the student's tokenizer
distil.py      the LEAF objective for a table of token rows
recipes/       what the bundled table was made from
"""
