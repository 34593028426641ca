"""How rows are stored and scored.

codec.py      codecs: affine readings of codes, x^ = base + gain * widen(codes)
codebooks.py  codes that are numbers of codewords
float8.py     floating-point formats narrower than float32
"""
