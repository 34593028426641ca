"""store: durable collections. A folder with one SQLite database, the only truth, and indexes built from it."""

from codomain.store.collection import DEFAULT_PIPELINE, Collection, Hit, Settings, create, open

__all__ = ["DEFAULT_PIPELINE", "Collection", "Hit", "Settings", "create", "open"]
