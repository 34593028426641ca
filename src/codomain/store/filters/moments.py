"""Dates and times in filters: a moment is compared with stored texts that are ISO 8601 dates or times.

    published >= date("2024-01-31") and seen > now() - 7d and day < today() + 1w

Without a zone a text is in UTC, and a date is its first moment. Texts that are no dates are not equal to any moment, nor
before or after one.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

from codomain.errors import WhereError

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?\s?(?:Z|UTC|[-+]\d\d:?\d\d(?::\d\d)?)?)?", re.ASCII | re.I
)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DURATION = re.compile(r"([-+])\s*(\d+(?:\.\d+)?)\s*(s|min|h|d|w)", re.ASCII)


@dataclass(frozen=True, order=True)
class Moment:
    """A point in time: microseconds since 1970, in UTC.

    >>> str(Moment.of("2024-05-01"))
    'date("2024-05-01T00:00:00+00:00")'
    """

    microseconds: int

    @classmethod
    def of(cls, value: str | dt.date) -> Moment:
        """The moment of a date, a time or an ISO 8601 text; raises WhereError for another text."""
        found = moment_of(value) if isinstance(value, str) else _since_1970(value)
        if found is None:
            raise WhereError(f'"{value:.40}" is no date: write it as 2024-01-31 or 2024-01-31T10:30:00+01:00.')
        return cls(found)

    def moved(self, duration: str) -> Moment:
        """The moment so much later or earlier: "+12h", "- 7d"; raises WhereError beyond the years 1 to 9999."""
        sign, number, unit = DURATION.fullmatch(duration).groups()  # type: ignore[union-attr]
        try:
            delta = dt.timedelta(**{_UNITS[unit]: float(sign + number)})
            return Moment(_since_1970(self.time + delta))
        except OverflowError:
            raise WhereError(f"{duration:.40} leads beyond the years that dates can have.") from None

    @property
    def time(self) -> dt.datetime:
        """The moment as a time in UTC."""
        return _EPOCH + self.microseconds * _MICROSECOND

    def __str__(self) -> str:
        return f'date("{self.time.isoformat()}")'


def now() -> Moment:
    """The present moment."""
    return Moment.of(dt.datetime.now(dt.UTC))


def today() -> Moment:
    """The first moment of this day in UTC."""
    return Moment.of(dt.datetime.now(dt.UTC).date())


@lru_cache(maxsize=65_536)
def moment_of(text: str) -> int | None:
    """Microseconds since 1970 of an ISO 8601 date or time; None for any other text.

    >>> moment_of("1970-01-02"), moment_of("1970-01-01T01:00:00+01:00"), moment_of("1970"), moment_of("red")
    (86400000000, 0, None, None)
    """
    if not isinstance(text, str) or not _ISO.fullmatch(text):
        return None
    written = re.sub(r"\s?(?:z|utc)\Z", "+00:00", text, flags=re.I).replace(",", ".")
    written = written[:11] + re.sub(r"\s(?=[-+])", "", written[11:])
    try:
        return _since_1970(dt.datetime.fromisoformat(written))
    except (ValueError, OverflowError):
        return None  # the 31st of June


def _since_1970(value: dt.date) -> int:
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=dt.UTC)
    return (value - _EPOCH) // _MICROSECOND
