"""Documents a second from file to searchable collection, peak memory, and the latency of searches inside one process.

63,000 Debian package descriptions where CODOMAIN_DATA names the data folder, else the 10,000 that are shipped.
Aims: 5,000 documents a second on two cores, below 1 GB, a median search below 10 ms.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import codomain as cd
from codomain.measure.data import datasets
from codomain.store.sources.file_sync import index_files


def corpus() -> Path:
    full = Path(os.environ.get("CODOMAIN_DATA", "")) / "debian_packages" / "packages.jsonl.gz"
    return full if full.is_file() else Path(cd.__file__).parent / "data" / "debian" / "corpus.jsonl.gz"


def main() -> None:
    queries = list(datasets.load("debian").queries.values())[:300]
    with tempfile.TemporaryDirectory() as folder:
        path = corpus()
        with gzip.open(path) as file:
            size = sum(len(json.loads(line)["text"]) for line in file)
        start = time.perf_counter()
        with cd.create(Path(folder) / "c") as collection:
            report = index_files(collection, [path])
            stored = time.perf_counter()
            collection.reindex()
            done = time.perf_counter()
            count = report.documents.added
            facts = collection.info()
            print(f"{collection.pipeline} over {count:,} documents, {size / count:.0f} characters each")
            print(f"read, encode, store  {stored - start:7.2f} s  {count / (stored - start):9,.0f} documents/s")
            print(f"build the indexes    {done - stored:7.2f} s")
            print(f"end to end           {done - start:7.2f} s  {count / (done - start):9,.0f} documents/s")
            print(f"database {facts['database_bytes'] / 1e6:.0f} MB, indexes {facts['index_bytes'] / 1e6:.0f} MB")
            print(f"peak memory          {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.0f} MB")
        with cd.open(Path(folder) / "c") as collection:
            for name, where in (("", None), ("  where section = 'games'", "section = 'games'")):
                collection.search("warm", where=where)
                times = []
                for query in queries:
                    begin = time.perf_counter()
                    collection.search(query, k=10, where=where)
                    times.append((time.perf_counter() - begin) * 1000)
                p95 = statistics.quantiles(times, n=20)[-1]
                print(f"search p50 {statistics.median(times):6.2f} ms  p95 {p95:6.2f} ms{name}")


if __name__ == "__main__":
    main()
