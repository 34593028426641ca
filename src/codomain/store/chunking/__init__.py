"""Chunks and what encoders read of them.

unread.py   what no vector holds: chunks longer than an encoder reads, chunks without a vector
rechunk.py  cut documents again whose chunks are too long
"""
