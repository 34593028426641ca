"""Reading one file or folder, with what reading went past."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codomain.read import ReadFault, Record, records

Read = Callable[..., tuple[list[Record], list[ReadFault]]]


@pytest.fixture
def read() -> Read:
    def call(*paths: Path, **options: Any) -> tuple[list[Record], list[ReadFault]]:
        bad: list[ReadFault] = []
        return list(records(paths, on_bad=bad.append, **options)), bad

    return call


@pytest.fixture
def text_of(tmp_path: Path) -> Callable[..., str]:
    """The text of a file of this name and content."""

    def call(name: str, content: str | bytes, **options: Any) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        (record,) = records([path], **options)
        return record.text

    return call
