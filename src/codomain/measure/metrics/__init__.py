"""Metrics, and whether their differences are significant.

retrieval.py       retrieval metrics by query, through ir-measures
spelling.py        how metrics are written, and which can be computed
corpus_level.py    metrics that are no mean over items: correlations, average precision, V-measure
classification.py  accuracy and macro-F1 with intervals
intervals.py       intervals of means over queries, for few of them too
significance.py    paired comparisons, permutation tests, Holm's correction
simultaneous.py    many paired comparisons at once, corrected by their largest statistic
"""
