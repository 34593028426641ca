"""The official clients, as they are, against a server of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from codomain.serve.catalog import Catalog
from codomain.serve.keys import Key, Keys

from .conformance import CHECKS, KEY, Check
from .server import served


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    catalog = Catalog(["static()"])
    with served(catalog, Keys([Key("test", Keys.digest(KEY))])) as address:
        yield address


@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.run.__name__)
def test_client(check: Check, url: str) -> None:
    pytest.importorskip(check.client)
    check.run(url)
