"""The rows of an SQL query, read from any database that SQLAlchemy knows; nothing is written to it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from codomain.errors import InputError, MissingExtra
from codomain.read.files import OnFault, ReadFault, SourceFile, reader
from codomain.read.limits import limit, over
from codomain.read.text.tables import Broken, Row

_READS = re.compile(r"\s*(--[^\n]*\n\s*)*(select|with|values|table)\b", re.IGNORECASE)
_ROWS = 1_000


def query_source(url: str, query: str) -> SourceFile:
    """The rows of a query as something to read: its name tells the database, without its password, and the query.

    Raises InputError for a query that does more than reading.
    """
    if not _READS.match(query):
        raise InputError(f"a query reads and begins with SELECT or WITH, but this one is {query.strip()[:60]!r}.")
    shown = f"{_url(url).render_as_string(hide_password=True)} {' '.join(query.split())}"
    return SourceFile(url, "sql", 0, 0, name=shown, live=True, query=query)


def _url(url: str) -> Any:
    try:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        raise MissingExtra("reading a database", "sql") from None
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise InputError(f"{url.split('://')[0]}:// does not begin the address of a database.") from None


def _read_only(url: Any) -> Any:
    """The address under which SQLite neither makes nor changes a file."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return url
    path = url.database.removeprefix("file:")
    if not os.path.exists(path):
        raise InputError(f"{path} does not exist.")
    from urllib.parse import quote

    return url.set(database=f"file:{quote(os.path.abspath(path))}", query={"mode": "ro", "uri": "true"})


@reader("sql", rows=True, what="an SQL query", extra="sql")
def read_sql(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """The rows that a query gives, in its order; columns of bytes are left out and named."""
    import sqlalchemy
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    most = limit("rows")
    try:
        engine = sqlalchemy.create_engine(_read_only(_url(file.path)), poolclass=sqlalchemy.pool.NullPool)
    except (ImportError, NoSuchModuleError) as error:
        raise InputError(f"{file.path.split('://')[0]}:// needs a driver that is not installed ({error}).") from None
    left_out: set[str] = set()
    try:
        with engine.connect().execution_options(stream_results=True, yield_per=_ROWS) as connection:
            found = connection.exec_driver_sql(file.query)
            names = list(found.keys())
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise InputError(f'{file.label}: the query names two columns "{twice}".')
            for number, row in enumerate(found, 1):
                if number > most:
                    raise over(file.label, "rows")
                fields = dict(zip(names, row, strict=True))
                for name in [name for name, value in fields.items() if isinstance(value, bytes | memoryview)]:
                    del fields[name]
                    if on_bad and name not in left_out:
                        on_bad(ReadFault(file.label, number, "partial", f'has bytes in "{name}", which are left out'))
                    left_out.add(name)
                yield number, fields
            connection.rollback()
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error).splitlines()[0].rstrip(".")
        raise InputError(f"{file.label} cannot be asked: {why}.") from None
    finally:
        engine.dispose()
