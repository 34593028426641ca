"""Word vectors in one mapped file: open at once, look up any key, known or not.

file.py      `VectorFile`: keys to vectors, neighbors, analogies
join.py      `Concat` of several files, `Featurizer` for the values of a category
unknown.py   vectors for keys that are not there, from n-grams and the keys most like them
grams.py     hashed n-grams and what they seed: equal in every process
formats.py   `import_file`: word2vec, GloVe, fastText, .npy, safetensors, batch by batch
lines.py     lines and binary records, in batches that a bad one does not stop
output.py    vectors with ids to .npy, .parquet and JSON lines
writing.py   `write`: keys, vectors and the inverted list of n-grams, beside and then in place
storage.py   the folder on disk and its checksums
"""

from codomain.vectorfiles.file import Lookup, VectorFile, open
from codomain.vectorfiles.formats import Imported, import_file
from codomain.vectorfiles.join import Concat, Featurizer
from codomain.vectorfiles.writing import WriteReport, write

__all__ = ["Concat", "Featurizer", "Imported", "Lookup", "VectorFile", "WriteReport", "import_file", "open", "write"]
