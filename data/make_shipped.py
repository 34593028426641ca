"""Make the small data sets inside the package, the same bytes in every run: CODOMAIN_DATA=<folder> python data/make_shipped.py.

Reads debian_packages, wordnet and verses of the data folder (see its INDEX.md); writes src/codomain/data.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SEED = 20250101
OUT = Path(__file__).parent.parent / "src" / "codomain" / "data"
Row = dict[str, Any]

SOURCE = """# {title}

- **Origin**: {origin}
- **Licence**: {licence}
- **Counts**: {documents:,} documents, {queries:,} queries, one relevant document each
- **Task**: {task}
- **How it was cut**: {cut}
- **Layout**: BEIR (corpus.jsonl.gz, queries.jsonl, qrels.tsv); made by `data/make_shipped.py`, seed {seed}
"""


def lines(path: Path) -> Iterator[str]:
    """Lines of a packed file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from file


def table(path: Path) -> Iterator[Row]:
    """Rows of a packed file with a header."""
    return csv.DictReader(lines(path), delimiter="\t", quoting=csv.QUOTE_NONE)


def words(text: str) -> str:
    """Only letters and digits, to compare wordings."""
    return " ".join(re.findall(r"\w+", text.lower()))


def plain(verse: str) -> str:
    """A verse without the typesetter's marks (\\nd and the like)."""
    return re.sub(r"\\\+?\w+\*? ?", "", verse).strip()


def write(name: str, corpus: list[Row], queries: list[tuple[str, str]], **source: str) -> None:
    """One data set; a query has the id q-<document>."""
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in corpus)
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    asked = "".join(json.dumps({"_id": f"q-{id}", "text": text}, ensure_ascii=False) + "\n" for id, text in queries)
    (folder / "queries.jsonl").write_text(asked, encoding="utf-8")
    judged = "".join(f"q-{id}\t{id}\t1\n" for id, _ in queries)
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged, encoding="utf-8")
    notes = SOURCE.format(**source, documents=len(corpus), queries=len(queries), seed=SEED)
    (folder / "SOURCE.md").write_text(notes, encoding="utf-8")


def distinct(rows: Iterable[Row], *fields: str) -> list[Row]:
    """Rows of which no two share the words of any named field."""
    seen: dict[str, set[str]] = {field: set() for field in fields}
    kept = []
    for row in rows:
        keys = {field: words(row[field]) for field in fields}
        if any(keys[field] in seen[field] for field in fields):
            continue
        for field in fields:
            seen[field].add(keys[field])
        kept.append(row)
    return kept


def debian(data: Path, rng: random.Random) -> None:
    """Synopsis -> long description."""
    packages = [json.loads(line) for line in lines(data / "debian_packages" / "packages.jsonl.gz")]
    packages = [p for p in packages if len(p["text"]) >= 60 and words(p["title"]) not in words(p["text"])]
    packages = distinct(packages, "title", "text")
    chosen = sorted(rng.sample(packages, 10_000), key=lambda p: p["_id"])
    kept = ("section", "priority", "architecture", "installed_kb", "source", "homepage", "tags")
    corpus = [
        {"_id": p["_id"], "text": p["text"], "synopsis": p["title"], **{f: p[f] for f in kept if f in p}}
        for p in chosen
    ]
    asked = rng.sample([p for p in chosen if len(p["title"].split()) >= 3], 1000)
    write(
        "debian",
        corpus,
        [(p["_id"], p["title"]) for p in asked],
        title="Debian package descriptions",
        origin="package lists of Debian 12 (bookworm) main amd64, Packages and Translation-en",
        licence="Debian Free Software Guidelines; each description under the licence of its package (GPL-2+ for most)",
        task="known item: the one-line synopsis of a package is the query, its long description the document",
        cut=f"a random sample of the {len(packages):,} packages whose description has 60 characters or more, does not "
        "repeat the synopsis and shares neither with another package; descriptions end after 900 characters",
    )


def wordnet(data: Path, rng: random.Random) -> None:
    """Definition -> words."""
    synsets = []
    for row in table(data / "wordnet" / "synsets.tsv.gz"):
        lemmas = row["lemmas"].replace("_", " ").split(",")
        gloss = row["gloss"].split(";")[0].strip()
        names = [words(lemma) for lemma in lemmas]
        if len(gloss.split()) < 5 or any(f" {name} " in f" {words(gloss)} " for name in names):
            continue
        synsets.append({"_id": row["synset"], "text": ", ".join(lemmas), "gloss": gloss, "field": row["lexfile"]})
    synsets = distinct(synsets, "text", "gloss")
    chosen = sorted(rng.sample(synsets, 6000), key=lambda s: s["_id"])
    asked = rng.sample(chosen, 1000)
    write(
        "wordnet",
        [{"_id": s["_id"], "text": s["text"], "field": s["field"]} for s in chosen],
        [(s["_id"], s["gloss"]) for s in asked],
        title="WordNet reverse dictionary",
        origin="WordNet 3.0, Princeton University, through the Debian package wordnet-base 1:3.0-37",
        licence="WordNet 3.0 licence: free use, copying and distribution with its notice (LICENSE.txt here)",
        task="reverse dictionary: a definition is the query, the words it defines the document",
        cut=f"a random sample of the {len(synsets):,} synsets whose definition has five words or more, names none of its "
        "own words and is no other's; examples after the first semicolon dropped",
    )


def shared(row: Row) -> float:
    """The share of words that a verse's two wordings have in common."""
    old, modern = set(words(row["kjv"]).split()), set(words(row["text"]).split())
    return len(old & modern) / len(old | modern)


def verses(data: Path, rng: random.Random) -> None:
    """Old wording -> modern wording."""
    rows = [
        {
            "_id": f"{row['book']} {row['chapter']}:{row['verse']}".replace(" ", "_"),
            "text": plain(row["web"]),
            "kjv": plain(row["kjv"]),
        }
        for row in table(data / "verses" / "verses.tsv.gz")
    ]
    rows = [
        r
        for r in distinct(rows, "text", "kjv")
        if words(r["kjv"]) not in words(r["text"]) and len(r["kjv"].split()) > 7
    ]
    chosen = sorted(
        sorted(rows, key=shared)[:1000] + rng.sample(sorted(rows, key=shared)[1000:], 7000), key=lambda r: r["_id"]
    )
    asked = sorted(chosen, key=shared)[:1000]
    write(
        "verses",
        [{"_id": r["_id"], "text": r["text"], "book": r["_id"].rsplit("_", 1)[0].replace("_", " ")} for r in chosen],
        [(r["_id"], r["kjv"]) for r in asked],
        title="Bible verses in two wordings",
        origin="World English Bible and King James Version, through the Debian packages sword-text-web and sword-text-kjv",
        licence="both texts are in the public domain (the King James Version: outside the United Kingdom)",
        task="paraphrase: a verse in the wording of 1611 is the query, the same verse in modern words the document",
        cut=f"of {len(rows):,} verses of eight words or more the 1,000 whose wordings share the fewest words, as queries and "
        "documents, and a random sample of 7,000 others, as documents only",
    )


if __name__ == "__main__":
    folder = Path(os.environ["CODOMAIN_DATA"])
    for make in (debian, wordnet, verses):
        make(folder, random.Random(SEED))
    print(*(f"{path.relative_to(OUT)}: {path.stat().st_size:,} bytes" for path in sorted(OUT.rglob("*.*"))), sep="\n")
