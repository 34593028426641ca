"""Names of topics are words that say something."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from codomain.measure.tasks.topics import _names


def test_stop_words_numbers_and_letters_name_no_topic() -> None:
    texts = {"a": "The 1999 fox is the x of a fox", "b": "An owl and 42 owls y", "c": "the of and 7 z"}
    collection: Any = SimpleNamespace(get=lambda ids: [{"text": texts[id]} if id in texts else None for id in ids])
    fox, owl = _names(collection, [["a", "gone"], ["b"]])
    assert fox == ("fox",) and {*owl} == {"owl", "owls"}
    assert _names(collection, [["c"], ["gone"]]) == [(), ()]  # nothing is left of them
