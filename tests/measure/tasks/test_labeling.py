"""Labels for a collection's documents: chunks joined, deleted ones gone, quantised vectors and transforms alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.measure.tasks.labeling import label_by_examples, label_by_names, read_labels

ANIMALS = "The fox hunts at night. Wolves live in packs. The bear sleeps in winter. "
MONEY = "Shares fell on the exchange. The bank raised its interest rate. Taxes on profits rise. "


def filled(folder: Path, pipeline: str, **settings: int) -> cd.Collection:
    notes = cd.create(folder / "notes", pipeline, **settings)
    items = [{"id": f"a{i}", "text": ANIMALS * (1 + 9 * (i == 0)), "metadata": {"kind": "animals"}} for i in range(3)]
    items += [
        {"id": f"m{i}", "text": MONEY + f"Number {i}.", "metadata": {"kind": "money"} if i else {}} for i in range(3)
    ]
    notes.add(items)
    return notes


@pytest.mark.parametrize("pipeline", ["static() >> flat()", "static() >> int8() >> hnsw()", "fuse(bm25(), static() >> truncate(128) >> flat())"])  # fmt: skip
def test_documents_of_many_chunks_have_one_label(tmp_path: Path, pipeline: str) -> None:
    with filled(tmp_path, pipeline, chunk_size=32, overlap=4) as notes:
        assert notes.info()["chunks"] > 6
        found = label_by_names(notes, {"animals": ["wild animals"], "money": ["money", "finance"]}, gold="kind")
    assert dict(zip(found.ids, found.labels, strict=True)) == {
        f"{k[0]}{i}": k for k in ("animals", "money") for i in range(3)
    }
    assert found.judged == 5 and found.scores["accuracy"].value == 1.0
    assert [label for label, n, _ in found.counts()] == ["animals", "money"]


def test_deleted_documents_have_none_and_filters_hold(tmp_path: Path) -> None:
    with filled(tmp_path, "static() >> flat()") as notes:
        notes.delete(["a1"])
        found = label_by_names(notes, ["animals", "money"], where="kind == 'animals'", noise=None)
        assert found.ids == ["a0", "a2"]
        notes.delete(["a0", "a2"])
        with pytest.raises(InputError, match="that the filter matches"):
            label_by_names(notes, ["animals"], where="kind == 'animals'")


def test_examples_label_the_rest_from_the_stored_vectors(tmp_path: Path) -> None:
    with filled(tmp_path, "static() >> int8() >> flat()") as notes:
        found = label_by_examples(notes, "kind", k=2)
        assert (found.ids, found.labels, found.judged) == (["m0"], ["money"], 5)
        assert found.confidences == [1.0] and set(found.scores) == {"accuracy", "macro-F1"}


def test_a_collection_of_another_encoder_is_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "glove"
    words = ["fox", "bank", "wolves", "rate", "animals", "money"]
    cd.vectorfiles.write(path, words, np.eye(6, dtype=np.float32))
    with filled(tmp_path, f"vectorfile({str(path)!r}) >> flat()"):
        pass
    cd.vectorfiles.write(path, words, np.ones((6, 6), np.float32), replace=True)
    with cd.open(tmp_path / "notes") as notes, pytest.raises(cd.errors.CodomainError):
        label_by_names(notes, ["animals", "money"])


def test_a_file_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("﻿sports: football , tennis,\n\n  C++ code \nnews: the latest\n", encoding="utf-8")
    assert read_labels(path) == {"sports": ["football", "tennis"], "C++ code": ["C++ code"], "news": ["the latest"]}
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        read_labels(path)
