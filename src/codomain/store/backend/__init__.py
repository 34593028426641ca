"""What a collection asks of its database: the contract, and the databases that keep it.

protocol.py   `Backend`: transactions, and what is promised of isolation and durability
documents.py  documents, rows, metadata, sources, media: a protocol each
vectors.py    branches, blocks of vectors, bridges, feedback
records.py    single entries, history, faults
values.py     what goes in and comes out
errors.py     sentences that every backend says alike
choose.py     the backends by name, and the one that a folder has
"""

from codomain.store.backend.protocol import Backend

__all__ = ["Backend"]
