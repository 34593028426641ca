"""Filtered search: which rows may be hits is known before the search begins.

filtered.py    the stage `filtered()`: a graph with the measured effort of each selectivity
ivf_attr.py    the stage `ivf_attr()`: lists on disk with the attributes of their rows
planner.py     the choice between a scan, a graph and lists, by measured costs
effort.py      how many candidates, lists or steps k answers take, of every index
attributes.py  whole-number attributes of rows, and tests of them
"""
