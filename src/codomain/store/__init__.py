"""store: durable collections. A folder with one SQLite database, the only truth, and indexes built from it."""

from codomain.store.collection import Collection
from codomain.store.hits import Hit
from codomain.store.open_create import create, open
from codomain.store.settings import DEFAULT_PIPELINE, Settings

__all__ = ["DEFAULT_PIPELINE", "Collection", "Hit", "Settings", "create", "open"]
