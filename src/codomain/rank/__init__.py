"""Neighbors to answers.

fuse.py        `fuse()`: the hits of several branches in one list
diversify.py   `diversify()`: hits without near-copies of one another
similarity.py  texts ranked by an encoder's similarity to the query
snippet.py     the part of a passage that shows why it was found
"""

from codomain.rank.diversify import Diversify
from codomain.rank.fuse import Fuse

__all__ = ["Diversify", "Fuse"]
