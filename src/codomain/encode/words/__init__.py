"""Words to vectors.

vectorfile.py  `vectorfile(path)`: a text as the mean of its words' vectors in a vector file
"""
