"""Probes: single questions to an encoder.

word_vectors.py   similarity, analogies, categories, association bias, numbers
position.py       how much of a token's vector is its position
explain.py        vectors in words
perturbations.py  small edits of a text
clinical.py       graded edits of named findings: masked, negated, replaced, and numbers varied
robustness.py     whether a decision flips under small edits
curation.py       whether an encoder is fit for choosing training texts
complexity.py     how hard a domain is, apart from how well the model knows it
"""
