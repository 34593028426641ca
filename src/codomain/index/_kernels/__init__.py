"""Kernels: plain functions over flat arrays, apart from the indexes that own the arrays.

half_rows.py      the best float16 rows for a float32 query, by FAISS
float16_scan.py   inner products of float32 queries with float16 rows
packed_scan.py    products of several queries with rows of their own type
bitplanes.py      agreement of multi-bit binary codes, counted with popcounts
lookup_tables.py  sums of table entries along rows of bytes
heaps.py          the best hits so far, the worst of them at the root
tiles.py          rows of 64-bit words in tiles of eight
"""

ROUNDING = 1e-5
"""Relative error of summing in float32, with a margin."""
