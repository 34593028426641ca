"""Queries with signs, and what no vector holds, on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from codomain.registry import stage
from codomain.stage import Stage

MODEL = "short_reader(12) >> flat()"


@stage("short_reader", modalities=["text"], gives="dense")
class ShortReader(Stage):
    """Counts the letters of the first `window` words."""

    def __init__(self, window: int = 12) -> None:
        self.window = window

    dim = 26

    @property
    def fingerprint(self) -> str:
        return f"short reader {self.window}"

    def output_dim(self, dim):
        return 26

    def count_tokens(self, texts):
        return np.array([len(text.split()) for text in texts])

    def encode_documents(self, texts, progress=None):
        rows = [
            np.bincount(
                [ord(c) - 97 for c in "".join(t.split()[: self.window]).lower() if "a" <= c <= "z"], minlength=26
            )
            for t in texts
        ]
        return np.array(rows, np.float32).reshape(-1, 26)

    encode_queries = encode_documents


@pytest.fixture
def notes(command, tmp_path):
    rows = [
        {"_id": "a", "text": "the quick red fox", "title": "Fables"},
        {"_id": "b", "text": "a red house", "title": "Fox street"},
        {"_id": "c", "text": "whales in the sea", "title": "Whales"},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    assert command("index", "rows.jsonl", "--into", "n", "-p", "bm25()")[0] == 0
    return command


def found(answer):
    code, out, _ = answer
    assert code == 0
    return [json.loads(line)["id"] for line in out.splitlines()]


def test_a_query_with_signs(notes):
    assert found(notes("search", "n", '"red fox"', "--syntax", "query", "--json")) == ["a"]
    assert found(notes("search", "n", "red -title:fox", "--syntax", "query", "--json")) == ["a"]
    assert found(notes("search", "n", "whlaes", "--typos", "--json")) == ["c"]
    assert notes("search", "n", "whlaes", "--json")[0] == 1
    code, out, _ = notes("search", "n", '+"red fox"', "--syntax", "query")
    assert code == 0 and "the quick red fox" in out
    code, out, err = notes("search", "n", '"red', "--syntax", "query")
    assert code == 2 and out == "" and err.startswith("codomain: cannot read the query") and err.count("\n") == 1
    assert notes("search", "n", "red", "--syntax", "lucene")[0] == 2


def test_a_query_of_stop_words_is_answered_by_a_note(notes):
    code, _, err = notes("search", "n", "the of")
    assert code == 1 and err.startswith("note: the query 'the of' holds only stop words")


def test_what_no_vector_holds_is_said_by_index_info_and_verify(command, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"_id": "a", "text": "a b c", "title": "t " * 20}))
    code, out, err = command("index", "rows.jsonl", "--into", "n", "-p", MODEL, "--json")
    assert code == 0 and json.loads(out)["notes"][0].startswith("1 of 1 chunks are longer than the 12 tokens")
    for command_name in ("info", "verify"):
        code, out, err = command(command_name, "n")
        assert code == 0 and "11 tokens are in no vector" in out + err
    assert "window     short_reader() reads 12 tokens" in command("info", "n")[1]
    facts = json.loads(command("info", "n", "--json")[1])
    assert facts["unread"]["branches"] == {"short_reader() >> flat()": {"cut": 1, "tokens": 11, "empty": 0}}


def test_an_upgrade_says_what_would_be_cut_and_rechunk_cuts(command, tmp_path):
    (tmp_path / "a.txt").write_text("word " * 100)
    assert command("index", "a.txt", "--into", "n", "-p", "short_reader(40) >> flat()", "--overlap", "0")[0] == 0
    code, _, err = command("upgrade", "n", "--to", "short_reader(12)", "--mode", "reembed")
    assert code == 0 and "chunks are longer than what short_reader() reads" in err and "--rechunk" in err
    code, out, _ = command("upgrade", "n", "--rechunk")
    assert code == 0 and "n: 1 documents cut again." in out
    assert json.loads(command("info", "n", "--json")[1])["notes"] == []
    assert command("upgrade", "n", "--rechunk")[1].startswith("n: 0 documents cut again.")


def test_a_window_of_ones_own(command, tmp_path):
    (tmp_path / "a.txt").write_text("word " * 100)
    code, _, err = command("index", "a.txt", "--into", "n", "-p", MODEL, "--window", "50", "--chunk-size", "200")
    assert code == 0 and "the collection has a window of its own" in err
    assert command("index", "a.txt", "--into", "n", "--window", "60")[0] == 2
