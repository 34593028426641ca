"""Where the second, exact stage of a search reads full vectors (`codomain.contracts.FineStore`).

stores.py  in memory, at the owner of the index, or encoded again from the texts
disk.py    records of any length in a file, read ahead in threads
mapped.py  rows of one width in a mapped file
"""
