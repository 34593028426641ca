"""Texts to train on that a model writes.

cached.py  the texts of a Generator, kept on disk
"""
