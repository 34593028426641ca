"""Maps of collections: documents as points on a plane, labeled with their own words, in one page that needs no server.

neighbors.py    the nearest others of every vector
repulsion.py    how points push each other apart
layout.py       places for a graph of neighbors
projection.py   vectors to places: copies, vectors that are zero
"""
