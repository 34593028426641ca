"""Chunk size and overlap as a choice: what a trial finds is what a collection with these chunks finds."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import codomain as cd
from codomain.cli.app import app
from codomain.errors import InputError
from codomain.measure.data.corpus import Corpus, Questions, read, usable, write
from codomain.measure.data.datasets import Dataset, load
from codomain.registry import stage
from codomain.stage import Stage
from codomain.tuning import tune
from codomain.tuning.cutting import cut
from codomain.tuning.labels import Chunks
from codomain.tuning.reporting.report import recommended_chunks, recommended_row
from codomain.tuning.search_space import parts, same, weighed
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.coverage import part_of, rates
from codomain.tuning.trials.evaluator import Evaluator

NOW = "fuse(static() >> flat(), bm25())"
SPACE = ["bm25()", "static() >> flat()", "first_words() >> flat()", NOW]


@stage("first_words", modalities=["text"], gives="dense")
class FirstWords(Stage):
    """Counts of hashed words, of which only the first twelve are read."""

    dim = 64
    window = 12

    @property
    def fingerprint(self) -> str:
        return "first words 12 64"

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([len(text.split()) for text in texts], np.int64)

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split()[: self.window]:
                vectors[row, zlib.crc32(word.encode()) % self.dim] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    encode_queries = encode_documents


@pytest.fixture(scope="module")
def manuals() -> Dataset:
    """90 documents of several descriptions each, 30 queries."""
    whole = load("debian")
    texts = [*whole.documents.items()]
    queries, documents, qrels = {}, {}, {}
    for i in range(90):
        some = texts[5 * i : 5 * i + 5]
        documents[f"m{i}"] = "\n\n".join(text for _, text in some)
        if i % 3 == 0:
            queries[f"q{i}"] = " ".join(some[3][1].split()[:6])
            qrels[f"q{i}"] = {f"m{i}": 1}
    return Dataset("manuals", documents=documents, queries=queries, qrels=qrels)


def made(folder: Path, manuals: Dataset, pipeline: str = NOW, **settings: Any) -> cd.Collection:
    collection = cd.create(folder, pipeline, **settings)
    collection.add({"id": id, "text": text, "title": f"Manual {id}"} for id, text in manuals.documents.items())
    return collection


@pytest.fixture
def collection(manuals: Dataset, tmp_path: Path) -> Iterator[cd.Collection]:
    with made(tmp_path / "c", manuals) as found:
        yield found


def asked(manuals: Dataset, corpus: Corpus) -> Questions:
    return usable(manuals.queries, manuals.qrels, corpus)


@pytest.mark.parametrize("expression", SPACE)
@pytest.mark.parametrize("chunks", [(48, 8), (24, 0)])
def test_a_trial_finds_what_a_collection_with_these_chunks_finds(
    manuals: Dataset, collection: cd.Collection, tmp_path: Path, expression: str, chunks: tuple[int, int]
) -> None:
    corpus, labels, _ = cut(collection, Corpus.of_collection(collection), [(48, 8), (24, 0)], SPACE)
    assert len(labels) == 3 * len(SPACE)
    write(tmp_path / "data.json", corpus, asked(manuals, corpus))
    corpus, questions = read(tmp_path / "data.json")  # as a worker gets them
    trial = Evaluator(corpus, questions, StageCache(tmp_path / "cache")).trial(
        f"{expression} [{chunks[0]}/{chunks[1]}]"
    )
    trial.prepare()
    with made(tmp_path / "other", manuals, expression, chunk_size=chunks[0], overlap=chunks[1]) as other:
        assert len(trial.evaluator.corpus.passages) == len(texts(other)) > len(texts(collection))
        for query, text in enumerate(questions.texts.values()):
            found = [corpus.documents[number] for number in trial.answer(query)[0]]
            assert found == [hit.id for hit in other.search(text)]


def test_texts_that_two_ways_share_are_encoded_once(
    manuals: Dataset, collection: cd.Collection, tmp_path: Path
) -> None:
    corpus, labels, _ = cut(collection, Corpus.of_collection(collection), [(48, 8), (24, 0)], ["static() >> flat()"])
    cache = StageCache(tmp_path)
    evaluator = Evaluator(corpus, asked(manuals, corpus), cache)
    for label in labels:
        evaluator.trial(label).prepare()
    different = {text for one in (corpus, *corpus.others.values()) for text in one.passages}
    assert cache.texts_encoded == len(different) + len(evaluator.queries)
    (rate,) = [rate for _, rate in rates(Evaluator(corpus, asked(manuals, corpus), StageCache(tmp_path / "b")), labels)]
    assert 0 <= rate.missing < len(different)  # those of all ways count


def test_a_part_of_the_corpus_is_a_part_of_each_way(collection: cd.Collection) -> None:
    corpus, *_ = cut(collection, Corpus.of_collection(collection), [(24, 0)], ["bm25()"])
    part = part_of(corpus, [3, 5])
    (whole,) = corpus.others.values()
    (other,) = part.others.values()
    assert other.documents == part.documents == [corpus.documents[3], corpus.documents[5]]
    assert other.passages == [p for p, o in zip(whole.passages, whole.owner, strict=True) if o in (3, 5)]


def test_labels_are_choices() -> None:
    label = f"{NOW} [24/0]"
    assert parts(label)["chunks"] == "24/0" and parts(NOW)["chunks"] == "as they are"
    assert {**parts(label), "chunks": ""} == {**parts(NOW), "chunks": ""}
    assert same("fuse(static(), bm25()) [24/0]", 100) == label != same(NOW, 100)
    assert weighed(label)[0] == "fuse(static() >> flat(), bm25(), weights=[0.1, 0.9]) [24/0]"


def test_tune_chooses_among_chunks_and_apply_cuts_again(manuals: Dataset, tmp_path: Path) -> None:
    collection = made(tmp_path / "c", manuals, chunk_size=24, overlap=0)
    tuned = tune(
        collection, manuals.queries, manuals.qrels, space=SPACE[:2], chunks=[(128, 16), (24, 0)], engine="local", race=False,
        margin=0.0,
    )  # fmt: skip
    assert {o.expression for o in tuned.outcomes} == {*SPACE[:2], NOW, *(f"{e} [128/16]" for e in (*SPACE[:2], NOW))}
    assert all(o.status == "done" for o in tuned.outcomes)
    assert any(one == "Chunks of 24/0 are what the collection has." for one in tuned.sentences)
    assert any("documents cut into such chunks, in tokens: 128/16 gives" in one for one in tuned.sentences)
    (effect,) = [effect for effect in tuned.effects if effect.axis == "chunks"]
    by_name = {o.expression: o for o in tuned.outcomes}
    apart = np.mean([by_name[f"{e} [128/16]"].mean - by_name[e].mean for e in (*SPACE[:2], NOW)])
    assert effect.difference is not None and effect.difference.pairs == 3
    assert effect.difference.mean == pytest.approx(abs(apart)) and effect.values[0] == (
        "128/16" if apart > 0 else "as they are"
    )
    row = next(row for row in tuned.rows if row.outcome.chunks)
    assert row.outcome.confirmed is not None
    facts = tuned.as_json()["rows"][row.number - 1]
    assert facts["pipeline"] in (*SPACE[:2], NOW) and [*facts["chunks"]] == [128, 16]
    path = collection.folder / "tune" / "tune.json"
    assert recommended_row(path, row.number) == row.outcome.pipeline
    assert recommended_chunks(path, row.number) == Chunks(128, 16)
    collection.close()
    said = CliRunner().invoke(app, ["tune", str(collection.folder), "--apply", str(row.number)])
    assert said.exit_code == 0 and "documents were cut into chunks of 128/16 tokens" in said.output
    with (
        cd.open(collection.folder) as after,
        made(tmp_path / "fresh", manuals, row.outcome.pipeline, chunk_size=128, overlap=16) as fresh,
    ):
        assert after.settings == fresh.settings and str(after.pipeline) == str(fresh.pipeline) and not after.verify()
        for text in manuals.queries.values():
            assert [hit.id for hit in after.search(text)] == [hit.id for hit in fresh.search(text)]


def test_a_collection_takes_other_chunks_and_goes_on_where_it_was_interrupted(
    manuals: Dataset, collection: cd.Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codomain.store.chunking import rechunk

    monkeypatch.setattr(rechunk, "_DOCUMENTS", 30)
    beside = cd.open(collection.folder)  # another process

    def stop(step: str, done: int, total: int) -> None:
        if done >= 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection.rechunk(stop, chunk_size=24, overlap=0)
    assert collection.settings.chunk_size == 24 and len(collection) == 90
    beside.add([{"id": "later", "text": manuals.documents["m1"]}])
    assert beside.settings.chunk_size == 24
    assert 0 < collection.rechunk(chunk_size=24, overlap=0) <= 60 and collection.rechunk(chunk_size=24, overlap=0) == 0
    with made(tmp_path / "fresh", manuals, chunk_size=24, overlap=0) as fresh:
        fresh.add([{"id": "later", "text": manuals.documents["m1"]}])
        assert sorted(texts(collection)) == sorted(texts(fresh))
    assert not collection.verify()
    with pytest.raises(InputError, match="the overlap of 24 tokens must be less than the chunk of 24"):
        collection.rechunk(overlap=24)
    beside.close()


def texts(collection: cd.Collection) -> list[str]:
    with collection.snapshot():
        return collection.texts(collection.live_rows())


def test_chunks_that_cannot_be(manuals: Dataset, collection: cd.Collection) -> None:
    with pytest.raises(InputError, match="chunks are cut in collections: the data set"):
        tune(manuals, chunks=[(24, 0)])
    with pytest.raises(InputError, match="a chunk of 4 tokens is too small"):
        tune(collection, manuals.queries, manuals.qrels, chunks=[(4, 0)])
    with pytest.raises(InputError, match="other chunks are compared with judged queries"):
        tune(collection, mode="synthetic", chunks=[(24, 0)])
    said = CliRunner().invoke(app, ["tune", str(collection.folder), "--feedback", "--chunks", "24"])
    assert re.search("--chunks is the tokens of a chunk .* not '24'", str(said.exception))
    assert json.dumps(Chunks(24, 0)) == "[24, 0]"


def test_as_many_chunks_with_other_words_are_another_way_to_cut(tmp_path: Path) -> None:
    texts = {name: " ".join(f"{name}{i} is here." for i in range(60)) for name in ("fox", "owl")}
    with cd.create(tmp_path / "c", "bm25()", chunk_size=100, overlap=0) as collection:
        collection.add([{"id": id, "text": text} for id, text in texts.items()])
        corpus = Corpus.of_collection(collection)
        sizes = [(size, 0) for size in (80, 92, 100, 104, 113)]
        cut_otherwise, labels, notes = cut(collection, corpus, sizes, ["bm25()"])
    other = [key for key, one in cut_otherwise.others.items() if one.owner == corpus.owner]
    assert other and all(cut_otherwise.others[key].passages != corpus.passages for key in other)
    alike = {note.removeprefix("Chunks of ").split()[0] for note in notes if note.startswith("Chunks of")}
    assert alike == {"100/0"} and {*cut_otherwise.others} == {"80/0", "92/0", "104/0", "113/0"}
    assert labels == ["bm25()", *(f"bm25() [{key}]" for key in cut_otherwise.others)]
    with cd.create(tmp_path / "again", "bm25()", chunk_size=92, overlap=0) as again:
        again.add([{"id": id, "text": text} for id, text in texts.items()])
        assert Corpus.of_collection(again).passages == cut_otherwise.others["92/0"].passages
