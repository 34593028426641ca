"""Ids, sources and expressions without the paths of this machine: what a client is told of files and models.

The files of a collection are told by their path below the folder that they share, and so are documents whose id is a path. Such
an id is understood in every later request, and so is the whole one.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import PurePath
from typing import Any

from codomain.store import Collection
from codomain.store.filters.where import And, Compare, IsNull, Not, Or, Where, parse_where

_QUOTED = re.compile(r"(['\"])((?:\\.|(?!\1).)*)\1")
_ADDRESS = re.compile(r",\s*base_url=(['\"])(?:\\.|(?!\1).)*\1|base_url=(['\"])(?:\\.|(?!\2).)*\2,?\s*")
_REMEMBERED = 64
"""Namespaces and states whose places are remembered."""

_PATH = re.compile(r"[/~]|\.{1,2}[/\\]|[A-Za-z]:[\\/]|\\\\")


def told(expression: str) -> str:
    """An expression of stages without addresses of servers, and with the names of files alone.

    >>> told("tei('bge', base_url='http://10.0.0.7:8080') >> flat()"), told("static('/srv/models/small')")
    ("tei('bge') >> flat()", "static('small')")
    """

    def name(found: re.Match[str]) -> str:
        quote, inner = found[1], found[2]
        return f"{quote}{PurePath(inner).name}{quote}" if _PATH.match(inner) else found[0]

    return _QUOTED.sub(name, _ADDRESS.sub("", expression))


class Places:
    """The files of a collection, or of a namespace of it, as a client is told of them.

    >>> places = Places(["/srv/docs/a.txt", "/srv/docs/old/b.txt"])
    >>> places.source("/srv/docs/old/b.txt"), places.id("/srv/docs/a.txt", "/srv/docs/a.txt")
    ('old/b.txt', 'a.txt')
    >>> places.meant(["a.txt", "b.txt", "c.txt"], {"/srv/docs/a.txt", "/srv/docs/old/b.txt"})
    ['/srv/docs/a.txt', '/srv/docs/old/b.txt', 'c.txt']
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = [path for path in paths if os.path.isabs(path)]
        try:
            root = os.path.commonpath([os.path.dirname(path) for path in self._paths]) if self._paths else ""
        except ValueError:  # several drives
            root = ""
        self.root = "" if root == os.path.dirname(root) else root + os.sep  # what is below / is a path of the machine
        self._known = frozenset(self._paths)
        self._shortest: dict[str, str] | None = None

    def source(self, source: str | None) -> str | None:
        """Where a document comes from: an address as it is, a file by its path below what all files share."""
        if source is None or not os.path.isabs(source):
            return source
        if self.root and source.startswith(self.root):
            return source[len(self.root) :].replace(os.sep, "/")
        return self._ends.get(source, PurePath(source).name)

    def id(self, id: str, source: str | None) -> str:
        """The id of a document, where it begins with the path of its file without what is not told of that."""
        if self.root and id.startswith(self.root):  # also one whose text came from elsewhere since
            return id[len(self.root) :].replace(os.sep, "/")
        if source is None and id in self._known:
            source = id
        if source is None or not os.path.isabs(source) or not id.startswith(source):
            return id
        return f"{self.source(source)}{id[len(source) :]}"

    def document(self, found: dict[str, Any]) -> dict[str, Any]:
        """A document with its id and source as they are told."""
        source = found.get("source")
        return {**found, "id": self.id(found["id"], source), "source": self.source(source)}

    def sentence(self, text: str) -> str:
        """A sentence without the folder of the files."""
        return text.replace(self.root, "") if self.root else text

    def meant(self, ids: Sequence[str], known: Container[str] | Callable[[list[str]], Container[str]]) -> list[str]:
        """Ids as they are stored; one that is not known in any form stays as it is."""
        if not self._paths:
            return list(ids)
        there = known(list(ids)) if callable(known) else known
        missing = [id for id in ids if id not in there]
        whole = {id: self.root + id.replace("/", os.sep) for id in missing} if self.root else {}
        below = known(list(whole.values())) if callable(known) and whole else there
        return [id if id in there else whole[id] if whole.get(id, id) in below else self._by_end(id) for id in ids]

    def _by_end(self, id: str) -> str:
        """The file whose path alone ends so: an id that was told when the files shared another folder."""
        ends = [path for path in self._paths if path.endswith(os.sep + id.replace("/", os.sep))]
        return ends[0] if len(ends) == 1 else id

    @property
    def _ends(self) -> dict[str, str]:
        """For files that share no folder the shortest end of each path that no other has."""
        if self._shortest is None:
            parts = {path: PurePath(path).parts for path in self._paths}
            ends = Counter(path[-n:] for path in parts.values() for n in range(1, len(path)))
            self._shortest = {
                path: "/".join(next((own[-n:] for n in range(1, len(own)) if ends[own[-n:]] == 1), own[1:]))
                for path, own in parts.items()
            }
        return self._shortest

    def where(self, where: Any, known: Callable[[list[str]], Container[str]]) -> Any:
        """A filter whose ids and sources are those that are stored."""
        return None if where is None else self._where(parse_where(where), known) if self._paths else where

    def _where(self, where: Where, known: Callable[[list[str]], Container[str]]) -> Where:
        if isinstance(where, And | Or):
            return type(where)(tuple(self._where(part, known) for part in where.parts))
        if isinstance(where, Not):
            return Not(self._where(where.inner, known))
        if isinstance(where, IsNull) or where.field not in ("_id", "_source"):
            return where
        given = where.value if isinstance(where.value, tuple) else (where.value,)
        if where.op not in ("==", "!=", "in") or not all(isinstance(value, str) for value in given):
            return where
        asked = [str(value) for value in given]
        found = self.meant(asked, known if where.field == "_id" else {*self._paths})
        return Compare(where.field, where.op, tuple(found) if isinstance(where.value, tuple) else found[0])


class View:
    """A collection, or a namespace of it, by the ids that clients know."""

    def __init__(self, collection: Collection, known: dict[Any, Places]) -> None:
        self.collection = collection
        with collection.snapshot():
            state = (collection.name, collection.rows, collection.state.epoch)
            found = known.get(state)
            if found is None:
                found = Places(path for _, path in collection.backend.sources.paths())
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[state] = found
        self.places = found

    def meant(self, ids: Sequence[str]) -> list[str]:
        """Ids as they are stored."""
        with self.collection.held() as backend:
            return self.places.meant(ids, backend.documents.known)

    def id(self, id: str) -> str:
        """An id as it is stored."""
        return self.meant([id])[0]

    def where(self, where: Any) -> Any:
        """A filter by what is stored."""
        with self.collection.held() as backend:
            return self.places.where(where, backend.documents.known)

    def told(self, id: str) -> str:
        """The id of a stored document as it is told."""
        found = next(self.collection.documents({"_id": id}, limit=1), None)
        return id if found is None else self.places.id(id, found["source"])
