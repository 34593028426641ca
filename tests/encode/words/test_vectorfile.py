"""Texts as means of word vectors: the definition word by word, in pipelines and collections, unknown words, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.encode.words.vectorfile import VectorFileEncoder
from codomain.errors import InputError, PipelineError

WORDS = ["the", "of", "cat", "dog", "tax", "law", "state", "US", "us"]


@pytest.fixture
def glove(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    cd.vectorfiles.write(tmp_path / "glove", WORDS, rng.normal(size=(len(WORDS), 6)).astype(np.float32) * 3)
    return str(tmp_path / "glove")


def raw(glove: str, word: str) -> np.ndarray:
    return np.asarray(cd.vectorfiles.open(glove, normalized=False)[word], np.float64)


def unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def test_a_text_is_the_mean_of_its_words_as_the_source_had_them(glove: str) -> None:
    (vector,) = VectorFileEncoder(glove).encode_documents(["The cat, the dog!"])
    wanted = 2 * raw(glove, "the") + raw(glove, "cat") + raw(glove, "dog")
    assert np.allclose(vector, unit(wanted), atol=1e-5)


def test_frequent_words_count_less_by_sif(glove: str) -> None:
    (vector,) = VectorFileEncoder(glove, weights="sif", a=0.01).encode_documents(["the cat"])
    h = np.log(len(WORDS)) + 0.5772
    weights = [0.01 / (0.01 + 1 / ((WORDS.index(word) + 1) * h)) for word in ("the", "cat")]
    assert np.allclose(vector, unit(weights[0] * raw(glove, "the") + weights[1] * raw(glove, "cat")), atol=1e-5)


def test_a_word_counts_as_it_stands_then_in_lower_case_then_by_its_parts(glove: str) -> None:
    found = VectorFileEncoder(glove).encode_documents(["US", "Us", "tax-law", "cat's"])
    parts = raw(glove, "tax") + raw(glove, "law")
    for vector, wanted in zip(found, (raw(glove, "US"), raw(glove, "us"), parts, raw(glove, "cat")), strict=True):
        assert np.allclose(vector, unit(wanted), atol=1e-5)


def test_unknown_words_are_left_out_or_made(glove: str) -> None:
    texts = ["cats zebra", "zebra", "", " ,;"]
    skipped = VectorFileEncoder(glove).encode_documents(texts)
    assert not skipped.any() and np.isfinite(skipped).all()
    made = VectorFileEncoder(glove, unknown="ngrams").encode_documents(texts)
    assert made[0].any() and made[1].any() and not made[2:].any()
    assert np.linalg.norm(made[1]) == pytest.approx(1, abs=1e-5)


def test_batches_progress_and_queries(glove: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codomain.encode.words.vectorfile._AT_ONCE", 3)
    done: list[int] = []
    texts = ["cat", "dog tax", "law", "the of", "state"]
    encoder = VectorFileEncoder(glove)
    assert np.allclose(
        encoder.encode_documents(texts, lambda _, n, total: done.append(n)),
        np.vstack([encoder.encode_queries([t]) for t in texts]),
    )
    assert done == [3, 5] and encoder.encode_documents([]).shape == (0, 6)


def test_the_fingerprint_follows_file_and_settings(glove: str, tmp_path: Path) -> None:
    cd.vectorfiles.write(tmp_path / "other", WORDS, np.ones((len(WORDS), 6), np.float32))
    made = [VectorFileEncoder(glove), VectorFileEncoder(glove, "sif"), VectorFileEncoder(glove, unknown="ngrams"), VectorFileEncoder(str(tmp_path / "other"))]  # fmt: skip
    assert len({encoder.fingerprint for encoder in made}) == 4
    assert VectorFileEncoder(glove).fingerprint == made[0].fingerprint


def test_it_searches_in_a_pipeline_and_in_a_collection(glove: str, tmp_path: Path) -> None:
    pipe = cd.pipeline(f"vectorfile({glove!r}, weights='sif') >> flat()")
    assert cd.pipeline(str(pipe)) == pipe and pipe.dim == 6
    with cd.create(tmp_path / "notes", str(pipe)) as notes:
        notes.add([{"id": "pet", "text": "the cat of the dog"}, {"id": "money", "text": "tax law of the state"}])
    with cd.open(tmp_path / "notes") as notes:
        assert [hit.id for hit in notes.search("law")] == ["money", "pet"]


def test_bad_files_and_arguments_get_a_sentence(glove: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        VectorFileEncoder(str(tmp_path / "nothing"))
    for arguments in ("weights='idf'", "unknown='guess'", "a=0"):
        with pytest.raises(PipelineError, match="needs"):
            cd.pipeline(f"vectorfile({glove!r}, {arguments}) >> flat()")
    with pytest.raises(PipelineError, match="path of a vector file"):
        cd.pipeline("vectorfile(3) >> flat()")
