"""Collections in SQLite: one file `collection.db` in write-ahead mode. All SQL is here.

backend.py      `SqliteBackend`: transactions, and the groups of the contract
connection.py   make, open and copy the database, and sentences for what SQLite says
resting.py      connections that are closed while many collections are open, and opened again when they are used
place.py        whether the database is still in its folder, room for a full disk
schema.py       the tables, and those that later formats added
meta.py         single entries, history
namespaces.py   which namespace the tables show, and which there are
documents.py    documents
rows.py         chunks by row, deleted rows, new numbers
fields.py       metadata, and the rows that filters match
filters.py      a filter as parameterized SQL
sources.py      the files that documents come from
media.py        images and sounds of documents
vectors.py      branches, blocks of vectors, rows that an encoder did not read whole, bridges
feedback.py     the journal and the corrected vectors
checks.py       what is wrong in the database
"""
