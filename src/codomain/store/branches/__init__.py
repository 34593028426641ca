"""The branches of a pipeline in a collection: vectors in the database, the index beside it, newer rows.

branch.py           `StoredBranch`: what a branch has, searched as one
blocks.py           the stored rows of a branch
index_files.py      index files beside the database
transform_state.py  fitted transforms in the database
"""
