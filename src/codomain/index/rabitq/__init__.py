"""Rows as a few bits a dimension whose inner products are estimated without bias.

rabitq.py  the stage `rabitq()`, FAISS's
"""
