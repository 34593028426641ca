"""The official clients, as they are, against a server of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import codomain as cd
from codomain.serve.catalog import Catalog
from codomain.serve.keys import Key, Keys

from .conformance import CHECKS, DOCUMENTS, KEY, Check
from .server import served


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("conformance") / "notes"
    with cd.create(folder, "fuse(static() >> flat(), bm25())") as notes:
        notes.add(DOCUMENTS)
    catalog = Catalog([str(folder)])
    with served(catalog, Keys([Key("test", Keys.digest(KEY))])) as address:
        yield address


@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.run.__name__)
def test_client(check: Check, url: str) -> None:
    pytest.importorskip(check.client)
    check.run(url)
