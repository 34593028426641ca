"""Metadata against a slow reading of what is promised, and values of numpy, pandas and the standard library by hand."""

import datetime as dt
import decimal
import enum
import json
import math
import pathlib
import uuid
from collections import Counter, OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomain.read.metadata import flatten, plain_names
from codomain.text import clean, nfc

TEXT = st.text(st.characters(exclude_categories=())) | st.text("a\0\ud800é ", max_size=5)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.integers(-(2**63) - 1, 2**63) | TEXT
VALUE = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


def slowly(value):
    """A value as it is promised to be stored."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [slowly(item) for item in value]
    if isinstance(value, dict):
        return {nfc(clean(name)): slowly(item) for name, item in value.items()}
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def pairs(fields, prefix=""):
    for name, value in fields.items():
        full = prefix + nfc(clean(name))
        if isinstance(value, dict):
            yield from pairs(value, f"{full}.")
        else:
            yield full, slowly(value)


@given(st.dictionaries(TEXT, VALUE, max_size=8))
def test_metadata_is_flat_and_keeps_types(fields):
    try:
        expected = list(pairs(fields))
        if len(dict(expected)) < len(expected):
            raise ValueError
    except ValueError:
        with pytest.raises(ValueError, match=r"which no filter can compare|two fields of one name"):
            flatten(fields)
        return
    found = flatten(fields)
    assert found == dict(expected)
    assert json.dumps(found) == json.dumps(dict(expected))  # 1, 1.0 and true differ there


def test_a_kind_of_dict_is_a_dict():
    assert flatten({"a": OrderedDict(b=1)}) == {"a.b": 1}


def test_names_that_are_equal_as_keys_stay_apart():
    assert [flatten({name: 0}) for name in (1, True, "1", "True")] == [{"1": 0}, {"True": 0}, {"1": 0}, {"True": 0}]


@pytest.mark.parametrize("fields", [{"a.b": 1, "a": {"b": 2}}, {1: "a", "1": "b"}, {"é": 1, "e\u0301": 2}])
def test_two_fields_of_one_name_are_refused(fields):
    with pytest.raises(ValueError, match="two fields of one name"):
        flatten(fields)


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


ID = uuid.UUID("12345678123456781234567812345678")


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.int64(5), 5),
        (np.uint8(200), 200),
        (np.float32(0.5), 0.5),
        (np.float16(-2), -2.0),
        (np.bool_(True), True),
        (np.str_("é"), "é"),
        (("x", "y"), ["x", "y"]),
        ((), []),
        ({"b", "a"}, ["a", "b"]),
        (frozenset([3, 1]), [1, 3]),
        ({"a", 2, 1}, [1, 2, "a"]),
        (np.array([1, 2]), [1, 2]),
        (np.array(["a", "b"]), ["a", "b"]),
        ([2020, 2021], [2020, 2021]),
        ([True, 1, 1.5, "a", None], [True, 1, 1.5, "a", None]),
        ([{"name": "Ada", "born": dt.date(1815, 12, 10)}], [{"name": "Ada", "born": "1815-12-10"}]),
        (dt.date(2024, 5, 1), "2024-05-01"),
        (dt.datetime(2024, 5, 1, 10, 30), "2024-05-01T10:30:00"),
        (dt.datetime(2024, 5, 1, 10, 30, tzinfo=dt.timezone(dt.timedelta(hours=2))), "2024-05-01T10:30:00+02:00"),
        (np.datetime64("2024-05-01"), "2024-05-01"),
        (np.datetime64("2024-05-01T10:30:00"), "2024-05-01T10:30:00"),
        (np.datetime64("2024-05-01T10:30:00.000000000"), "2024-05-01T10:30:00"),
        (dt.time(10, 30), "10:30:00"),
        (decimal.Decimal("5"), 5),
        (decimal.Decimal("0.25"), 0.25),
        (decimal.Decimal("0.1"), 0.1),
        (decimal.Decimal("0.12345678901234567890"), "0.12345678901234567890"),
        (ID, "12345678-1234-5678-1234-567812345678"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (2**70, "1180591620717411303424"),
    ],
)
def test_values_of_other_libraries_are_kept_exactly(value, stored):
    found = flatten({"n": value})["n"]
    assert (type(found), found) == (type(stored), stored)
    assert json.dumps(found) == json.dumps(stored)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        np.float32("nan"),
        np.float16("inf"),
        np.datetime64("NaT"),
        decimal.Decimal("NaN"),
        [1.0, float("nan")],
        b"bytes",
        np.bytes_(b"bytes"),
        dt.timedelta(1),
        np.timedelta64(1, "D"),
        1j,
        object(),
        np.zeros((2, 2)),
        np.array(5),
        np.datetime64("2024-05-01T10:30:00.000000001"),
        [{"a": object()}],
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(value):
    with pytest.raises(ValueError, match='the field "n'):
        flatten({"n": value})


def test_missing_values_of_pandas_are_refused_or_counted():
    pandas = pytest.importorskip("pandas")
    for value in (pandas.NA, pandas.NaT):
        with pytest.raises(ValueError, match="leave the field out"):
            flatten({"n": value})
    missing = Counter()
    row = {
        "a": pandas.NA,
        "b": {"c": pandas.NaT},
        "d": float("nan"),
        "e": None,
        "f": pandas.Timestamp("2024-05-01 10:30"),
    }
    assert flatten(row, missing) == {"e": None, "f": "2024-05-01T10:30:00"}
    assert missing == {"a": 1, "b.c": 1, "d": 1}
    with pytest.raises(ValueError, match="nanoseconds"):
        flatten({"n": pandas.Timestamp("2024-05-01 10:30:00.000000001")})


def test_names_that_become_one_are_told_apart():
    assert plain_names({'a"b': 1, "a`b": 2, "a_b": 3}) == {"a_b": 3, "a_b_": 1, "a_b__": 2}
