"""What a collection asks of its database: the contract, and the databases that keep it.

protocol.py  `Backend`: transactions, and what is promised of isolation and durability
groups.py    what a backend does with documents, rows, vectors, feedback, ..., a protocol each
values.py    what goes in and comes out
errors.py    sentences that every backend says alike
choose.py    the backends by name, and the one that a folder has
"""

from codomain.store.backend.protocol import Backend

__all__ = ["Backend"]
