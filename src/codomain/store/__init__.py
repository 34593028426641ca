"""Durable collections: a folder with one database, the only truth, and indexes built from it.

collection.py       `Collection`: add, update, delete, search
asynchronous.py     methods for event loops, done in a thread
namespace.py        one namespace of a collection, by the same methods
open_create.py      make a collection, or open one
trust.py            which models and files a collection may load
settings.py         how documents become chunks
state.py            pipeline and branches of an open collection, read again when another process has changed them
writing/            the write path
reading/            the read path: searches and listings
branches/           vectors, indexes and newer rows of a pipeline's branches
exchange/           documents out of a collection and into another one
ids.py              what a document is called by
backend/            what a collection asks of its database
sqlite/             the database in SQLite: all SQL
chunking/           chunks and what encoders read of them
filters/            which rows a filter allows
feedback/           what users liked and disliked
upgrade/            another encoder or pipeline for a collection that goes on answering
backup.py           a copy in another folder, made while the collection is used
erase.py            documents of which nothing stays in any file
maintenance.py      reindex, compact, verify, info
"""

from codomain.store.collection import Collection
from codomain.store.open_create import create, exists, open
from codomain.store.reading.hits import Hit
from codomain.store.settings import DEFAULT_PIPELINE, Settings

__all__ = ["DEFAULT_PIPELINE", "Collection", "Hit", "Settings", "create", "exists", "open"]
