"""rank: neighbours to answers. Join the hits of several branches (`fuse`), or choose among them (`diversify`)."""

from codomain.rank.diversify import Diversify
from codomain.rank.fuse import Fuse

__all__ = ["Diversify", "Fuse"]
