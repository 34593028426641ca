"""Tasks: what a pipeline or an encoder is asked to do on a data set.

evaluation.py    one pipeline on one data set, and several beside each other
kinds.py         the registered kinds of task, each with its metrics
comparison.py    several pipelines on the same data, in one table
vector_tasks.py  similarity, pairs, classes, clusters from vectors alone
bitext.py        which sentence is the translation
zero_shot.py     classes that only have names
knn_labels.py    the majority among the nearest labeled vectors
in_context.py    a language model that is shown the nearest labeled texts
duplicates.py    near duplicates among the documents of a collection
topics.py        groups of like documents, named by their words
labeling.py      labels for the documents of a collection
mteb_model.py    any pipeline as a model of mteb
"""
