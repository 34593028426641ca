"""Metrics, and whether their differences are significant.

retrieval.py       retrieval metrics by query, through ir-measures
corpus_level.py    metrics that are no mean over items: correlations, average precision, V-measure
classification.py  accuracy and macro-F1 with intervals
significance.py    paired bootstrap intervals, permutation tests, Holm's correction
"""
