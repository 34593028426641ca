"""The space of vectors.

geometry.py         intrinsic dimension and isotropy
neighbors.py        nearest others, hubs, near duplicates
agreement.py        similarity of two spaces, and of what they retrieve
compatibility.py    a new model's queries in an old model's gallery
compression.py      what fewer dimensions and fewer bits cost
capacity.py         how many combinations of answers d dimensions can give
drift.py            tests whether two corpora differ
exposure.py         how much an outsider could read of an index
insertion_order.py  how the order of insertion changes an approximate index
threshold.py        which cosine counts as a match
"""
