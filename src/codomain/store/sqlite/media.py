"""Media of documents in the database: arrays as .npy, files as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from codomain.items import Media
from codomain.store.sqlite.resting import Connection
from codomain.store.sqlite.schema import LISTED, Tables, bring_up_to_date, has_table


def has_media(db: Connection) -> bool:
    """Whether the database has a place for media: one of an earlier format has none until the first is added."""
    return has_table(db, "media")


class SqliteMedia(Tables):
    """The table `media`, which readers of earlier formats do not find."""

    def add(self, media: Mapping[int, Sequence[Media]]) -> None:
        rows = [
            (document, position, medium.modality, medium.stored[0], medium.digest, medium.stored[1])
            for document, own in media.items()
            for position, medium in enumerate(own)
        ]
        if not rows:
            return
        if not has_media(self.db):
            bring_up_to_date(self.db)
        self.db.executemany("INSERT INTO media VALUES (?, ?, ?, ?, ?, ?)", rows)

    def of(self, documents: Sequence[int]) -> dict[int, tuple[Media, ...]]:
        found: dict[int, tuple[Media, ...]] = {}
        if not has_media(self.db):
            return found
        sql = (
            f"SELECT document, modality, form, data FROM media WHERE document IN ({LISTED}) ORDER BY document, position"
        )
        for document, modality, form, data in self.db.execute(sql, [json.dumps(list(documents))]):
            found[document] = (*found.get(document, ()), Media.restore(modality, form, data))
        return found

    def any(self) -> bool:
        return has_media(self.db)

    def digests(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        if has_media(self.db):
            for document, digest in self.db.execute("SELECT document, digest FROM media ORDER BY document, position"):
                found.setdefault(document, []).append(digest)
        return found
