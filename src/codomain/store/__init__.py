"""Durable collections: a folder with one database, the only truth, and indexes built from it.

collection.py       `Collection`: add, update, delete, search
open_create.py      make a collection, or open one
trust.py            which models and files a collection may load
settings.py         how documents become chunks
state.py            pipeline and branches of an open collection, read again when another process has changed them
ingest.py           the write path
file_sync.py        a collection that follows the files it was made from
update.py           documents that are there, changed
ids.py              what a document is called by
passages.py         what a chunk says, as encoders see it
backend/            what a collection asks of its database
sqlite/             the database in SQLite: all SQL
unread.py           what no vector holds: chunks longer than an encoder reads, chunks without a vector
rechunk.py          cut documents again whose chunks are too long
branch.py           `StoredBranch`: vectors in the database, the index beside it, newer rows
blocks.py           the stored rows of a branch
index_files.py      index files beside the database
transform_state.py  fitted transforms in the database
search.py           a search, from queries to documents
by_vector.py        searches that start from vectors, and the vectors of documents
words.py            which rows the words of a query allow
hits.py             rows to answers
listing.py          documents without a query: listed, counted, by the values of a field
tables.py           a collection as one table: Arrow, pandas, polars
filters/            which rows a filter allows
feedback/           what users liked and disliked
upgrade/            another encoder or pipeline for a collection that goes on answering
backup.py           a copy in another folder, made while the collection is used
erase.py            documents of which nothing stays in any file
maintenance.py      reindex, compact, verify, info
export.py           documents out of a collection and into another one
"""

from codomain.store.collection import Collection
from codomain.store.hits import Hit
from codomain.store.open_create import create, exists, open
from codomain.store.settings import DEFAULT_PIPELINE, Settings

__all__ = ["DEFAULT_PIPELINE", "Collection", "Hit", "Settings", "create", "exists", "open"]
