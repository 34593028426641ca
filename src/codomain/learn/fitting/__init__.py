"""Transforms between vectors, fitted on what people have: files of vectors, collections, texts, pairs, feedback.

sides.py  the vectors of one encoder, with the ids that say which belong together
pairs.py  pairs in JSON lines, and those of a collection's feedback
fit.py    fit a transform and write its file
"""
