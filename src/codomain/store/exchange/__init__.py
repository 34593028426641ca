"""Documents out of a collection and into another one.

export.py  JSON lines and Parquet, written and read
tables.py  a collection as one table in memory: Arrow, pandas, polars
"""
