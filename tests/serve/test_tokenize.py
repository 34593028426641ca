"""/tokenize gives the tokens with their places as text-embeddings-inference does, for encoders that have a tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import codomain as cd
from codomain.serve.catalog import Catalog

from .server import served

TEXTS = ["a Red fox in Zürich", "", "unbelievably 🦊 ok"]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(Catalog(["static()", "hashed(8)"])) as url, httpx.Client(base_url=url) as client:
        yield client


def test_tokens_of_the_table_are_those_that_are_counted_and_stand_where_they_say(client: httpx.Client) -> None:
    encoder = cd.pipeline("static()").stages[0]
    ids, lengths = encoder._tokenizer.ids(TEXTS)  # what the encoder itself reads
    found = client.post("/tokenize", json={"inputs": TEXTS, "model": "static"}).json()
    assert [len(one) for one in found] == list(lengths)
    assert [token["id"] for one in found for token in one] == ids.tolist()
    for text, tokens in zip(TEXTS, found, strict=True):
        for token in tokens:
            assert {*token} == {"id", "text", "special", "start", "stop"} and not token["special"]
            assert token["text"] == text[token["start"] : token["stop"]] != ""
    assert "".join(token["text"] for token in found[0]) == TEXTS[0].replace(" ", "")
    assert client.post("/tokenize", json={"inputs": TEXTS[0]}).json() == found[:1]


def test_an_encoder_without_a_tokenizer_says_so(client: httpx.Client) -> None:
    found = client.post("/tokenize", json={"inputs": "a", "model": "hashed(8)"})
    assert found.status_code == 501 and found.json()["error"] == "hashed(8) does not tell its tokens."
    assert client.post("/tokenize", json={"inputs": []}).status_code == 400


@pytest.mark.needs_learn
def test_tokens_of_a_model_are_those_of_its_tokenizer(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    encoder = cd.pipeline("minilm()").stages[0]
    own = AutoTokenizer.from_pretrained(Path(str(encoder._model.tokenizer.name_or_path)))
    for special in (True, False):
        expected = [own(text, add_special_tokens=special)["input_ids"] for text in TEXTS]
        found = encoder.tokens(TEXTS, special)
        assert [[token.id for token in one] for one in found] == expected
        assert [[token.text for token in one if token.special] for one in found] == [["[CLS]", "[SEP]"] * special] * 3
        assert all(token.start is None for one in found for token in one if token.special)
    assert [token.text for token in encoder.tokens(["a Red fox"], False)[0]] == ["a", "Red", "fox"]
