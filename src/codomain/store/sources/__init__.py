"""What becomes of files that moved, vanished, or whose documents were deleted by hand.

file_sync.py   a collection that follows the files it was made from
moves.py       files that are somewhere else keep their documents and vectors
vanished.py    documents whose files are gone
pages.py       web pages: their versions, and the sitemaps that list them
exclusions.py  deleted documents that stay deleted
watch.py       read a file again as soon as it changes
"""
