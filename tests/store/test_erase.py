"""Erased documents: no file of the collection holds their text, metadata, media, feedback or vectors any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.errors import StoreError
from codomain.items import Media
from codomain.progress import Progress
from codomain.registry import stage
from codomain.stage import Stage

SECRET = "zqxjkvbwpfmghydlcu"
"""In the text, the title, the metadata, the id and the queries of feedback of what is erased, nowhere else."""


def holds(folder: Path, *needles: bytes) -> Iterator[str]:
    """The files that have one of some byte strings."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            yield from (path.name for needle in needles if needle in content)


def fill(c: cd.Collection, secrets: int = 3) -> None:
    rng = np.random.default_rng(0)
    words = ["amber", "river", "candle", "stone", "willow"]
    c.add({"id": f"d{i}", "text": " ".join(rng.choice(words, 8)), "metadata": {"n": i}} for i in range(1_500))
    c.add(
        {
            "id": f"{SECRET}{i}",
            "title": f"T {SECRET}",
            "text": f"amber {SECRET} " * 400,  # pages of its own
            "metadata": {"tag": SECRET, "n": -i},
        }
        for i in range(secrets)
    )


@pytest.mark.parametrize(
    "pipe",
    [
        "fuse(hashed(64) >> flat(), bm25())",
        "hashed(64) >> pca(16) >> int8() >> hnsw()",
        "char_ngrams() >> sparse()",
        "fuse(hashed(64) >> float16() >> ivf(), bm25())",
    ],
)
@pytest.mark.parametrize("indexed", [False, True])
def test_no_file_holds_a_part_of_an_erased_document(tmp_path: Path, pipe: str, indexed: bool) -> None:
    folder = tmp_path / "c"
    with cd.create(folder, pipe) as c:
        fill(c)
        if c.first_dense is not None and "hnsw" not in pipe:
            c.feedback(f"asked {SECRET}", good=f"{SECRET}0")
        c.update(f"{SECRET}1", {"more": f"other {SECRET}"})
        if indexed:
            c.reindex()
            c.search("amber", where=f"tag == '{SECRET}'")
        assert {*holds(folder, SECRET.encode())} != set()
        ids = [f"{SECRET}{i}" for i in range(3)]
        assert c.erase([*ids, "nobody"]) == 3
        assert [*holds(folder, SECRET.encode(), SECRET.encode("utf-32-le"))] == []
        assert len(c) == 1_500 and c.verify() == [] and c.get(ids) == [None] * 3
        assert not any(hit.id.startswith(SECRET) for hit in c.search(SECRET))
    assert [*holds(folder, SECRET.encode())] == []


def test_nor_its_vector_or_its_media(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((600, 48)).astype(np.float32)
    with cd.create(folder, "vectors(48) >> flat()") as c:
        c.add(
            {"id": str(i), "text": f"amber {i}", "media": [Media("vector", vector)]} for i, vector in enumerate(vectors)
        )
        c.reindex()
        c.upgrade("float16()", mode="reembed")
        c.continue_upgrade()  # the old vectors are kept for a rollback
        needles = vectors[7].tobytes(), vectors[7].astype(np.float16).tobytes()
        assert len({*holds(folder, *needles)}) >= 1
        c.erase(7)
        assert [*holds(folder, *needles)] == []
        assert len(c) == 599 and c.verify() == [] and c.search(vector=vectors[8], k=1)[0].id == "8"


def test_deleted_documents_are_erased_along(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "bm25()") as c:
        fill(c)
        c.delete([f"{SECRET}{i}" for i in range(3)])
        assert [*holds(tmp_path / "c", SECRET.encode())]
        assert c.erase([]) == 0 and [*holds(tmp_path / "c", SECRET.encode())] == []


def test_what_tune_and_killed_processes_kept_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with cd.create(folder, "bm25()") as c:
        fill(c)
        c.reindex()
        for name in ("tune", "derived/new.1.x", "derived/old.x"):
            (folder / name).mkdir(parents=True)
            (folder / name / "kept.npz").write_text(SECRET)
        c.erase([f"{SECRET}{i}" for i in range(3)])
        assert [*holds(folder, SECRET.encode())] == []


def test_a_reader_that_holds_the_log_is_told_and_a_second_time_goes_on(tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "bm25()") as c, cd.open(tmp_path / "c") as reader:
        fill(c)
        c.backend.db.execute("PRAGMA busy_timeout = 100")
        with reader.snapshot(), pytest.raises(StoreError, match=r"erase again|being written by another process"):
            c.erase([f"{SECRET}{i}" for i in range(3)])
        assert len(c) == 1_500
        assert c.erase([]) == 0 and [*holds(tmp_path / "c", SECRET.encode())] == []


@pytest.mark.parametrize("pipe", ["hashed(64) >> float16() >> flat()", "hashed(64) >> float16() >> hnsw()"])
def test_nor_its_vector_as_float16(tmp_path: Path, pipe: str) -> None:
    with cd.create(tmp_path / "c", pipe) as c:
        fill(c, 0)
        words = " ".join(f"rare{i}" for i in range(40))  # most of its 64 numbers are of its own
        c.add([{"id": "x", "text": words}])
        c.reindex()
        assert c.first_dense is not None
        vector = c.first_dense.plan.encoder.encode_documents([words])[0]  # type: ignore[union-attr]
        needle = vector.astype(np.float16).tobytes()
        assert [*holds(tmp_path / "c", needle)]
        assert c.erase("x") == 1
        assert [*holds(tmp_path / "c", needle)] == [] and c.verify() == []
    assert [*holds(tmp_path / "c", needle)] == []


@stage("of_sounds", modalities=["audio"], gives="dense")
class OfSounds(Stage):
    """Four moments of a sound."""

    dim = 4
    fingerprint = "0" * 64

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, sounds: Sequence[np.ndarray], progress: Progress | None = None) -> np.ndarray:
        rows = [[sound.mean(), sound.std(), np.abs(sound).max(), 1] for sound in map(np.asarray, sounds)]
        return np.float32(rows).reshape(len(rows), 4)

    encode_queries = encode_documents


@stage("of_images", modalities=["image"], gives="dense")
class OfImages(OfSounds):
    """Four moments of a picture."""


@pytest.mark.parametrize("modality", ["image", "audio"])
def test_nor_its_picture_or_its_sound(tmp_path: Path, modality: str) -> None:
    rng = np.random.default_rng(3)
    if modality == "image":
        data = [rng.integers(0, 256, (8, 8, 3), np.uint8) for _ in range(30)]
    else:
        data = [rng.standard_normal(400).astype(np.float32) for _ in range(30)]
    with cd.create(tmp_path / "c", "of_images() >> flat()" if modality == "image" else "of_sounds() >> flat()") as c:
        c.add({"id": str(i), "media": [Media(modality, one)]} for i, one in enumerate(data))
        c.reindex()
        needle = data[4].tobytes()[:200]
        assert [*holds(tmp_path / "c", needle)]
        assert c.erase(4) == 1 and len(c) == 29
        assert [*holds(tmp_path / "c", needle)] == [] and c.verify() == []
        assert [*holds(tmp_path / "c", data[5].tobytes()[:200])]
    assert [*holds(tmp_path / "c", needle)] == []
