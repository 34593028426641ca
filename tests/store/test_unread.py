"""What no vector holds: chunks fit every encoder, and what is cut or without a vector is counted, said and cut again on request."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.encode.text.window import CutWarning
from codomain.errors import InputError, StoreError
from codomain.read.text.passage import passage
from codomain.registry import stage
from codomain.stage import Stage
from codomain.store import Collection


@stage("windowed", modalities=["text"], gives="dense")
class WindowedWords(Stage):
    """Words as a unit vector, of which only the first `window` are read and those that begin with zz are unknown."""

    def __init__(self, window: int = 20, dim: int = 64) -> None:
        self.window, self.dim = window, dim

    @property
    def fingerprint(self) -> str:
        return f"windowed {self.window} {self.dim}"

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([len(text.split()) for text in texts], np.int64)

    def encode_documents(self, texts, progress=None) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for word in text.split()[: self.window]:
                if not word.startswith("zz"):
                    vectors[row, zlib.crc32(word.encode()) % self.dim] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    encode_queries = encode_documents


def words(n: int, seed: int = 0) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice("abcdefghij") for _ in range(n))


def chunks(collection: Collection) -> list[str]:
    """What encoders saw of each chunk."""
    with collection.snapshot():
        return collection.texts(collection.live_rows())


def made(path: Path, pipe: str = "windowed() >> flat()", **settings) -> Collection:
    return cd.create(path / "c", pipe, **settings)


# --- chunks fit ----------------------------------------------------------------------------------------------------------


def test_every_chunk_fits_every_encoder_by_its_own_count_title_and_headings_included(tmp_path):
    collection = made(tmp_path, "fuse(windowed(30) >> flat(), windowed(20, dim=32) >> flat(), bm25())")
    text = "\n\n".join(f"# Part {i} of it\n\n{words(50, i)}" for i in range(5))
    (tmp_path / "a.md").write_text(text)
    (record,) = cd.read.records([str(tmp_path / "a.md")], title_field=None)
    collection.add([record, {"id": "b", "text": words(200), "title": "three words here"}])
    seen = chunks(collection)
    assert max(len(text.split()) for text in seen) <= 20
    assert any(text.startswith("Part 0 of it\nPart 4 of it\n") for text in seen), "under its title and heading"
    told = collection.info()
    assert told["unread"]["windows"] == {"windowed(30)": 30, "windowed(dim=32)": 20}
    assert all(counts == {"cut": 0, "tokens": 0, "empty": 0} for counts in told["unread"]["branches"].values())
    assert told["notes"] == [] == collection.notes(count=True)


def test_no_word_is_lost_when_chunks_are_cut_again(tmp_path):
    collection = made(tmp_path, overlap=0, situate=0)
    text = " ".join(f"w{i}" for i in range(500))
    collection.add([{"id": "a", "text": text}])
    assert [word for chunk in chunks(collection) for word in chunk.split()] == text.split()


@pytest.mark.needs_learn
def test_tables_code_and_addresses_are_read_to_the_end_by_minilm(tmp_path):
    rng = random.Random(0)
    documents = {
        "table": "\n".join(
            f"2024-01-{i % 28 + 1:02d}, {rng.random():.6f}, {rng.getrandbits(48):012x}" for i in range(30)
        ),
        "code": "\n".join(f"self.__x{i}[k_{i}] += ({i}*a_{i}) % (b[{i}]|c->d{i}); /* {i} */" for i in range(30)),
        "urls": "\n".join(f"https://example.org/{rng.getrandbits(30)}?id={rng.randint(1, 999)}" for i in range(30)),
        "one word": "x1" * 1500,
    }
    collection = made(tmp_path, "minilm()")
    collection.add([{"id": id, "text": text, "title": "The title of it"} for id, text in documents.items()])
    model = cd.minilm()._model
    for text in chunks(collection):  # the model's own tokenizer, with its special tokens
        assert len(model.tokenizer(text, truncation=False, verbose=False)["input_ids"]) <= model.max_seq_length
    assert collection.notes() == []


# --- what is cut is counted and said -----------------------------------------------------------------------------------


def test_a_title_longer_than_the_window_is_counted_until_the_document_is_gone(tmp_path):
    collection = made(tmp_path)
    collection.add([{"id": "long", "text": "a b c", "title": words(25)}, {"id": "fine", "text": words(15)}])
    (counts,) = collection.info()["unread"]["branches"].values()
    assert counts == {"cut": 1, "tokens": 8, "empty": 0}  # 25 + 3 - 20
    (note,) = collection.notes()
    assert note.startswith("1 of 2 chunks are longer than the 20 tokens that windowed() reads, and 8 tokens are in no")
    collection.add([{"id": "fine", "text": words(15)}, {"id": "more", "text": "d"}])
    collection.delete(["fine"])
    collection.compact()
    assert collection.info()["unread"]["branches"]["windowed() >> flat()"] == counts
    assert collection.verify() == []
    collection.delete(["long"])
    assert collection.notes() == []


def test_a_window_of_ones_own_is_kept_and_what_it_costs_is_said(tmp_path):
    collection = made(tmp_path, window=50)
    text = words(100)
    collection.add([{"id": "a", "text": text}])
    sizes = [len(chunk.split()) for chunk in chunks(collection)]
    assert 20 < max(sizes) <= 50
    (counts,) = collection.info()["unread"]["branches"].values()
    assert counts["cut"] == sum(size > 20 for size in sizes)
    assert counts["tokens"] == sum(max(size - 20, 0) for size in sizes)
    assert "a window of its own" in collection.notes()[0] and collection.info()["settings"]["window"] == 50
    with pytest.raises(InputError, match="too small"):
        cd.create(tmp_path / "d", "bm25()", window=3)


def test_chunks_without_any_vector_are_counted(tmp_path):
    collection = made(tmp_path, "fuse(windowed() >> flat(), bag_of_words() >> sparse())")
    collection.add(
        [{"id": "unknown", "text": "zzap zzip"}, {"id": "known", "text": "a zzap"}, {"id": "c", "text": "the of"}]
    )
    counts = collection.info()["unread"]["branches"]
    assert counts["windowed() >> flat()"]["empty"] == 1 and counts["bag_of_words() >> sparse()"]["empty"] == 1
    assert collection.notes() == [
        f"1 of 3 chunks hold no word that {encoder} knows: only other branches find them."
        for encoder in ("windowed()", "bag_of_words()")
    ]
    assert collection.search("zzap", k=1)[0].id == "unknown"


def test_static_says_which_texts_it_knows_no_word_of(tmp_path):
    collection = made(tmp_path, "static()")
    collection.add([{"id": "a", "text": "\u0d85\u0d86"}, {"id": "b", "text": "a fox"}])
    assert collection.notes()[0].startswith("1 of 2 chunks hold no word that static() knows")


@pytest.mark.needs_learn
def test_words_that_a_transformer_has_no_token_for_are_counted(tmp_path):
    collection = made(tmp_path, "minilm()")
    collection.add(
        [{"id": "a", "text": "Zm9v" * 99}, {"id": "b", "text": "a fox"}, {"id": "c", "text": "\u1b05\u1b06 \u1b07"}]
    )
    assert collection.notes()[0].startswith("2 of 3 chunks hold no word that minilm() knows")


# --- other encoders ------------------------------------------------------------------------------------------------------


def test_an_upgrade_to_a_shorter_window_says_what_would_be_cut_and_cuts_again_on_request(tmp_path):
    collection = made(tmp_path, "windowed(40) >> flat()", overlap=0)
    collection.add([{"id": str(i), "text": words(10 * i, i), "title": f"title {i}"} for i in range(1, 9)])
    long = [len(chunk.split()) - 20 for chunk in chunks(collection) if len(chunk.split()) > 20]
    with pytest.warns(CutWarning) as said:
        collection.upgrade("windowed(20)", mode="reembed")
    assert str(said[0].message).startswith(
        f"{len(long)} of {len(chunks(collection))} chunks are longer than what windowed() reads: {sum(long)} tokens"
    )
    with pytest.raises(StoreError, match="on its way"):
        collection.rechunk()
    collection.continue_upgrade()
    assert collection.info()["unread"]["branches"]["windowed() >> flat()"]["cut"] == len(long)
    assert "--rechunk cuts those documents again" in collection.notes()[0]
    # a document that comes later fits
    collection.add([{"id": "later", "text": words(90, 99)}])
    assert collection.info()["unread"]["branches"]["windowed() >> flat()"]["cut"] == len(long)
    before = collection.get("7")
    changed = collection.rechunk()
    assert 0 < changed < 9 and collection.rechunk() == 0
    assert max(len(chunk.split()) for chunk in chunks(collection)) <= 20
    assert collection.notes() == [] == collection.verify() and collection.get("7") == before


def test_an_upgrade_can_cut_first(tmp_path, recwarn):
    collection = made(tmp_path, "windowed(40) >> flat()")
    collection.add([{"id": str(i), "text": words(10 * i, i)} for i in range(1, 9)])
    collection.upgrade("windowed(20)", mode="reembed", rechunk=True)
    collection.continue_upgrade()
    assert not [one for one in recwarn if issubclass(one.category, CutWarning)]
    assert max(len(chunk.split()) for chunk in chunks(collection)) <= 20 and collection.notes() == []


def test_documents_of_every_namespace_are_cut_again_each_in_its_own(tmp_path, recwarn):
    collection = made(tmp_path, "windowed(40) >> flat()")
    names = ["", "acme", "zoo"]
    for seed, name in enumerate(names):
        collection.add([{"id": str(i), "text": words(10 * i, seed * 10 + i)} for i in range(1, 9)], namespace=name)
    before = {name: [*collection.documents(namespace=name)] for name in names}
    collection.upgrade("windowed(20)", mode="reembed")
    collection.continue_upgrade()
    assert collection.rechunk() == 3 * len([i for i in range(1, 9) if 10 * i > 20])
    assert collection.rechunk() == 0 and collection.notes() == [] == collection.verify()
    for name in names:
        assert max(len(text.split()) for text in chunks(collection.namespace(name))) <= 20
        key = {d["id"]: d for d in collection.documents(namespace=name)}
        assert [key[d["id"]] for d in before[name]] == before[name]


def test_what_is_cut_again_keeps_its_feedback_source_and_metadata(tmp_path):
    collection = made(tmp_path, window=40)
    (tmp_path / "a.txt").write_text(words(60))
    from codomain.store.sources.file_sync import index_files

    index_files(collection, [tmp_path / "a.txt"])
    (id,) = [id for _, id in dict(collection.row_ids()).items() for id in [id]][:1]
    collection.feedback("a b c", good=id)
    before = collection.search("a b", k=1)[0]
    object.__setattr__(collection.state, "settings", cd.store.Settings())
    assert collection.rechunk() == 1
    after = collection.search("a b", k=1)[0]
    assert (after.id, after.source, after.metadata) == (before.id, before.source, before.metadata)
    assert len(collection.feedback_journal()) == 1 and collection.verify() == []


def test_collections_of_before_say_that_nothing_was_counted(tmp_path):
    collection = made(tmp_path, window=40)
    collection.add([{"id": "a", "text": words(60)}])
    with collection.writing() as backend:
        (branch,) = collection.branches
        branch.refresh()
        backend.unread.forget(branch.number)
        backend.meta.delete("windows")
    collection.state.changed()
    assert collection.info()["unread"]["windows"] is None
    assert "cut before their tokens were counted: codomain verify" in collection.notes()[0]
    sizes = [len(chunk.split()) for chunk in chunks(collection)]
    lost = sum(max(size - 20, 0) for size in sizes)
    assert f"and {lost} tokens are in no vector" in collection.notes(count=True)[0]


def test_vectors_of_an_earlier_text_form_go_on_answering_and_say_so(tmp_path):
    from codomain.encode import StaticEncoder

    collection = made(tmp_path, "static() >> flat()")
    earlier = StaticEncoder().earlier()
    documents = ["a fox", "the o\ufb03ce", "rain"]
    collection.add(documents[:0])
    with collection.writing() as backend:
        backend.db.execute("UPDATE branches SET encoder = ?", [earlier.fingerprint])
    collection.close()
    collection = cd.open(tmp_path / "c")
    collection.add([{"id": text, "text": text} for text in documents])
    query = "the o\ufb03ce"
    hit = collection.search(query, k=1)[0]
    stored, asked = earlier.encode_documents([query])[0], earlier.encode_queries([query])[0]
    assert hit.id == query and hit.score == pytest.approx(float(stored @ asked), abs=1e-5)
    assert "made by an earlier version" in collection.notes()[0] and collection.verify() == []
    collection.upgrade("static()", mode="reembed")
    collection.continue_upgrade()
    assert collection.notes() == [] and collection.search("office", k=1)[0].id == query


def test_an_index_of_an_earlier_analyzer_is_made_again_and_said(tmp_path, monkeypatch):
    collection = made(tmp_path, "bm25()")
    collection.add(["le café", "tea"])
    from codomain.index.bm25 import BM25

    with monkeypatch.context() as patch:
        patch.setattr(BM25, "version", "analyzer 1")
        collection.reindex()
        collection.close()
    collection = cd.open(tmp_path / "c")
    assert [hit.text for hit in collection.search("cafe")] == ["le café"], "not with the index of before"
    assert "was made by an earlier version" in collection.notes()[0]
    assert collection.reindex() and collection.notes() == [] and not collection.reindex()
    assert "bm25() made again" in collection.history()[-1].detail


def test_passages_are_the_text_under_title_and_headings():
    assert passage("A", ["A", "B", "C"], "text") == "A\nB > C\ntext" and passage(None, [], "text") == "text"
