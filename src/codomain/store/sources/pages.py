"""Web pages that were read: which version of each is there, and which sitemap listed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from codomain.read import SourceFile
from codomain.read.remote import is_remote
from codomain.store.backend.values import Fetched

if TYPE_CHECKING:
    from codomain.store.collection import Collection


class Pages:
    """What servers said of pages: as it was entered before this run, and as it is seen in it.

    `options` tells how a file is read, as a text: a page is fetched again where that has changed.
    """

    def __init__(self, collection: Collection, options: Callable[[SourceFile], str]) -> None:
        self._collection = collection
        self._options = options
        self._before: dict[str, Fetched] | None = None
        self._stamps: dict[str, str] = {}
        self._seen: dict[str, Fetched] = {}
        self.came: set[str] = set()
        """Addresses of the pages that this run has met."""

    def _entered(self) -> dict[str, Fetched]:
        if self._before is None:
            with self._collection.held() as backend, backend.reading():
                self._before = backend.sources.fetched()
                self._stamps = {path: stamp for path, (_, _, stamp) in backend.sources.complete().items()}
        return self._before

    def version_of(self, address: str) -> tuple[str, str] | None:
        """ETag and time of a page that was read whole, and would be read now as it was then; None of any other."""
        page = self._entered().get(address)
        if page is None or not page.current or not (page.etag or page.changed):
            return None
        then = SourceFile("page", page.format, 0, 0, encoding=page.encoding, name=address)
        return (page.etag, page.changed) if self._stamps[address].partition(" ")[2] == self._options(then) else None

    def note(self, file: SourceFile) -> None:
        """Remember what a server said of a page that is whole in the collection."""
        if is_remote(file.label) and not file.live:
            self._seen[file.label] = Fetched(file.root, file.etag, file.changed, file.format, file.encoding)

    def note_same(self, file: SourceFile) -> None:
        """Remember a page that its server did not send again: another sitemap may list it now."""
        self._seen[file.label] = self._entered()[file.label]._replace(sitemap=file.root)

    def enter(self) -> None:
        """Write down what was seen."""
        known = self._entered()
        new = {address: page for address, page in self._seen.items() if known.get(address) != page}
        self._seen.clear()
        if new:
            with self._collection.writing() as backend:
                backend.sources.set_fetched(new)
            self._collection.state.changed()

    def unlisted(self, listed: Mapping[str, set[str]]) -> list[tuple[int, str]]:
        """Number and address of the pages that a sitemap has listed once and does not any more, unless this run has met them.

        `listed` are the addresses in each sitemap all of which was read.
        """
        pages = self._entered()
        with self._collection.held() as backend:
            return [
                (number, path)
                for number, path in backend.sources.paths()
                if path in pages and path not in self.came and path not in listed.get(pages[path].sitemap or "", {path})
            ]
