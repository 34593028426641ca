"""Unlabelled texts for distillation: readers of open sources, cut into sentences, passages, words and short queries."""

from __future__ import annotations

import ast
import csv
import gzip
import html
import json
import random
import re
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from codomain.errors import InputError

SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])")
WORD = re.compile(r"[A-Za-z][A-Za-z-]{2,}")
TAGS = re.compile(r"<[^>]+>")
STOP = frozenset(
    re.findall(
        r"\S+",
        "the of and to in a is that for it as was with be by on not he his but are at this have from or had an they which one you "
        "were her all she there would their we him been has when who will more no if out so said what up its about into than them "
        "can only other new some could time these two may then do first any my now such like our over me even most made after also "
        "did many before must through where much your way should because each those how between too used use using both see e.g i.e",
    )
)


def open_text(path: Path) -> TextIO:
    """A text file as it is, or behind gzip (.gz, .dz) or zstd (.zst, through the `zstd` program)."""
    if path.suffix in (".gz", ".dz"):
        return gzip.open(path, "rt", encoding="utf-8", errors="replace")
    if path.suffix == ".zst":
        process = subprocess.Popen(["zstd", "-dc", "--long=27", str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        return process.stdout  # type: ignore[return-value]
    return path.open(encoding="utf-8", errors="replace")


def is_held_out(text: str) -> bool:
    """One row in twenty, by a hash of its first field: never trained on, free to choose settings with."""
    return zlib.crc32(text.encode()) % 20 == 0


def read_rows(
    path: Path, fields: Sequence[str], where: dict[str, str] | None = None, hold_out: bool = False
) -> Iterator[str]:
    """The named columns of a .jsonl or .tsv file; `_` in WordNet lemmas becomes a space."""
    csv.field_size_limit(1 << 24)
    with open_text(path) as lines:
        jsonl = ".jsonl" in path.suffixes
        rows = map(json.loads, lines) if jsonl else csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        for row in rows:
            if where and any(row.get(key) != value for key, value in where.items()):
                continue
            if hold_out and is_held_out(str(row[fields[0]])):
                continue
            for field in fields:
                value = row.get(field) or ""
                if field == "lemmas":
                    yield value.split(",")[0].replace("_", " ")
                elif field == "gloss":
                    yield from (part.strip(' "') for part in value.split(";"))
                elif isinstance(value, list):
                    yield from value
                else:
                    yield value


def read_prose(path: Path) -> Iterator[str]:
    """Running text: one line or one block between blank lines is one passage."""
    with open_text(path) as lines:
        block: list[str] = []
        for line in lines:
            line = line.strip()
            if line:
                block.append(line)
            if block and (not line or len(block) >= 8):
                yield " ".join(block)
                block = []
        yield " ".join(block)


def read_dictd(path: Path) -> Iterator[str]:
    """A dictd dictionary (.dict.dz): each entry's indented body, without references, etymology and dates."""
    noise = re.compile(r"\[[^\]]*\]|\(\d{4}-\d\d-\d\d\)|\\[^\\]*\\|--\s?[A-Z][\w. ]*|<[^>]*>|[{}]|^\s*\d+\.|\([a-z]\)")
    with open_text(path) as lines:
        head, block = "", ""
        for line in lines:
            text = line.strip()
            if line[:1].strip():  # a headword stands in the first column
                head = re.split(r"\s*\\", text)[0].strip()
                if len(head) > 3:
                    yield head
                text = ""
            if text:
                block += " " + noise.sub(" ", text)
            elif block:
                yield f"{head}: {block}" if zlib.crc32(block.encode()) % 3 == 0 else block
                block = ""


def read_cnxml(path: Path) -> Iterator[str]:
    """OpenStax book modules: titles, paragraphs, list items, captions and glossary entries."""
    wanted = re.compile(r"<(title|para|item|caption|meaning|term|definition)\b[^>]*>(.*?)</\1>", re.S)
    for module in sorted(path.rglob("*.cnxml")):
        source = module.read_text(encoding="utf-8", errors="replace")
        source = re.sub(r"<m:math\b.*?</m:math>", " ", source, flags=re.S)
        for _, inner in wanted.findall(source):
            yield html.unescape(TAGS.sub(" ", inner))


def read_python(path: Path) -> Iterator[str]:
    """Docstring paragraphs of every module under a folder (parsed, never imported)."""
    for module in sorted(path.rglob("*.py")):
        try:
            tree = ast.parse(module.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, RecursionError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                for block in re.split(r"\n\s*\n", ast.get_docstring(node) or ""):
                    if ">>>" not in block and "---" not in block:
                        yield re.sub(r":\w+:|[`*|]", "", block)


def read_obo(path: Path) -> Iterator[str]:
    """Names, synonyms and definitions of an ontology in OBO format."""
    with open_text(path) as lines:
        for line in lines:
            key, _, value = line.partition(": ")
            if key == "name":
                yield value
            elif key in ("def", "synonym") and value.count('"') >= 2:
                yield value.split('"')[1]


def read_markup(path: Path) -> Iterator[str]:
    """HTML pages under a folder, tags removed, one block element one passage."""
    for page in sorted(path.rglob("*.htm*")):
        source = re.sub(
            r"(?s)<(script|style|pre|head)\b.*?</\1>", " ", page.read_text(encoding="utf-8", errors="replace")
        )
        for block in re.split(r"(?i)</?(?:p|div|li|h\d|td|tr|dd|dt|br|hr)\b[^>]*>", source):
            yield html.unescape(TAGS.sub(" ", block))


READERS: dict[str, Callable[..., Iterator[str]]] = {
    "rows": read_rows,
    "prose": read_prose,
    "dictd": read_dictd,
    "cnxml": read_cnxml,
    "python": read_python,
    "obo": read_obo,
    "markup": read_markup,
}


def find(name: str, roots: Sequence[Path]) -> Path:
    """A source's path below the first root that has it; `site-packages` is where this Python keeps its packages."""
    if name.startswith("site-packages/"):
        roots, name = [Path(p) for p in sys.path if p.endswith("site-packages")], name.removeprefix("site-packages/")
    for root in roots:
        if (root / name).exists():
            return root / name
    where = ", ".join(map(str, roots)) or "no folder (set CODOMAIN_DATA)"
    raise InputError(f"the source {name} is not in {where}: get it as the recipe says, or drop it from the recipe")


def tidy(text: str) -> str:
    """White space joined; at most 900 characters, which is more than the teacher is shown."""
    return " ".join(text[:4000].split())[:900].strip()


def cut(passages: Sequence[str], shares: dict[str, int], rng: random.Random) -> Iterator[str]:
    """Sentences, whole passages and short pseudo-queries from a source's passages, as many of each as the recipe asks."""
    sentences = [s for p in passages for s in SENTENCE_END.split(p) if len(s) > 2]
    long = [p for p in passages if len(p) > 250]
    yield from rng.sample(sentences, min(len(sentences), shares.get("sentences", 0)))
    yield from rng.sample(long, min(len(long), shares.get("passages", 0)))
    for sentence in rng.choices(sentences, k=shares.get("queries", 0)) if sentences else ():
        words = [w for w in WORD.findall(sentence) if w.lower() not in STOP]
        size = min(len(words), rng.randint(2, 7))
        kept = sorted(rng.sample(range(len(words)), size))  # two to seven content words, in their order
        query = " ".join(words[i] for i in kept)
        yield query.lower() if rng.random() < 0.7 else query


def build(recipe: dict[str, Any], roots: Sequence[Path], seed: int = 0) -> list[str]:
    """All distinct texts of a recipe's `[[source]]` tables, shuffled by the seed; `[words]` adds the commonest words.

    The vocabulary words cover short queries (LEAF: Knowledge Distillation of Text Embedding Models, 2025).
    Raises `InputError` when a source is in none of the roots.
    """
    texts: set[str] = set()
    counts: Counter[str] = Counter()
    for source in recipe["source"]:
        options = {key: source[key] for key in ("fields", "where", "hold_out") if key in source}
        found = (
            tidy(text) for name in source["paths"] for text in READERS[source["reader"]](find(name, roots), **options)
        )
        passages = list(dict.fromkeys(text for text in found if len(text) > 2))
        for passage in passages:
            counts.update(w.lower() for w in WORD.findall(passage))
        texts.update(cut(passages, source, random.Random(f"{seed} {source['name']}")))
    texts.update(
        word for word, n in counts.most_common(recipe["words"]["most_common"]) if n >= recipe["words"]["at_least"]
    )
    ordered = sorted(text for text in texts if text)
    random.Random(seed).shuffle(ordered)
    return ordered
