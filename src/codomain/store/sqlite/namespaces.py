"""Which namespace the tables of a connection show, and the namespaces that there are."""

from __future__ import annotations

from codomain.store.sqlite.resting import Connection
from codomain.store.sqlite.schema import Tables, add_namespaces, has_namespaces


class Scope:
    """A namespace as a condition of SQL; None: all of them, where ids are of no use.

    Number 0 is the default namespace, which is the only one in databases of earlier formats.
    """

    def __init__(self, db: Connection, name: str | None = None) -> None:
        self.db = db
        self.name = name
        self._made = False  # tables with namespaces stay

    @property
    def made(self) -> bool:
        """Whether the tables have namespaces."""
        self._made = self._made or has_namespaces(self.db)
        return self._made

    @property
    def number(self) -> int:
        """The number of the namespace; -1 where there is none of this name."""
        if not self.name:
            return 0
        found = (
            self.db.execute("SELECT id FROM namespaces WHERE name = ?", [self.name]).fetchone() if self.made else None
        )
        return -1 if found is None else int(found[0])

    def one(self, table: str = "") -> str:
        """Where an id or a path is looked up: finds its index."""
        if self.name is None or not (self.made or self.name):
            return "1"
        return f"{table}namespace = {self.number}" if self.made else "0"

    def among(self, table: str = "") -> str:
        """Where all documents are gone through; "1" where all are of the namespace."""
        if self.name is None or (not self.name and not self.others()):
            return "1"
        if not self.made:
            return "0"
        # the default one may hold most documents: its index would only lead to them in another order
        return f"{table}namespace = {self.number}" if self.name else f"+{table}namespace = 0"

    def others(self) -> bool:
        """Whether there are namespaces beside the default one."""
        return self.made and self.db.execute("SELECT 1 FROM namespaces LIMIT 1").fetchone() is not None

    def enter(self) -> int | None:
        """The number of the namespace, which is made if it is not there; None without tables for it. Inside a transaction."""
        if not self.name:
            return 0 if self.made else None
        if not self.made:
            add_namespaces(self.db)
        self.db.execute("INSERT OR IGNORE INTO namespaces (name) VALUES (?)", [self.name])
        return self.number


class Scoped(Tables):
    """Some tables of an open database, of one namespace."""

    def __init__(self, db: Connection, scope: Scope | None = None) -> None:
        super().__init__(db)
        self.scope = scope or Scope(db)


class SqliteNamespaces(Tables):
    """The table `namespaces`, which databases of earlier formats get with the first of them."""

    def any(self) -> bool:
        return Scope(self.db, "").others()

    def counts(self) -> dict[str, int]:
        if not has_namespaces(self.db):
            number = int(self.db.execute("SELECT count(*) FROM documents").fetchone()[0])
            return {"": number} if number else {}
        sql = (
            "SELECT ifnull(n.name, ''), count(*) FROM documents d LEFT JOIN namespaces n ON n.id = d.namespace "
            "GROUP BY d.namespace ORDER BY 1"
        )
        return dict(self.db.execute(sql))

    def forget(self, name: str) -> None:
        if has_namespaces(self.db):
            self.db.execute("DELETE FROM namespaces WHERE name = ?", [name])
