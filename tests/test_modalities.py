"""Images in every place where texts go: a pipeline, a collection, tune; and what happens where they do not fit."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError, PipelineError, StoreError
from codomain.items import Item, Media, from_json, given_to, key_of, to_json
from codomain.measure import Dataset
from codomain.registry import stage
from codomain.stage import Stage


@stage("color_histogram", modalities=["image"], gives="dense")
class ColorHistogram(Stage):
    """How often each of bins**3 colors occurs in an image (h, w, 3) of bytes, as a unit vector."""

    def __init__(self, bins: int = 3) -> None:
        self.bins = bins

    @property
    def dim(self) -> int:
        return self.bins**3

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"color histogram {self.bins}".encode()).hexdigest()

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, images: Any, progress: Any = None) -> np.ndarray:
        counts = np.zeros((len(images), self.dim), np.float32)
        for row, image in enumerate(images):
            places = image.reshape(-1, 3).astype(int) * self.bins // 256
            counts[row] = np.bincount(places @ [self.bins**2, self.bins, 1], minlength=self.dim)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    encode_queries = encode_documents


def image(color: tuple[int, int, int], seed: int) -> np.ndarray:
    """A noisy square of one color."""
    noise = np.random.default_rng(seed).integers(-20, 21, (8, 8, 3))
    return np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)


COLORS = {"red": (230, 30, 30), "green": (30, 230, 30), "blue": (30, 30, 230), "white": (230, 230, 230)}
IMAGES = {f"{name}{i}": image(color, i) for name, color in COLORS.items() for i in range(5)}
PIPE = "color_histogram() >> flat()"


def test_a_pipeline_searches_arrays():
    retriever = cd.Retriever(PIPE).index([*IMAGES.values()])
    hits = retriever.search([image(COLORS["green"], 99)], k=5)
    assert sorted(hits.rows[0].tolist()) == [5, 6, 7, 8, 9]
    with pytest.raises(InputError, match="takes the query: it starts from images"):
        retriever.search(["green"])


def test_a_collection_keeps_images_and_finds_them_again(tmp_path):
    with cd.create(tmp_path / "c", PIPE) as c:
        added = c.add({"id": id, "media": array, "metadata": {"color": id[:-1]}} for id, array in IMAGES.items())
        assert (added.added, added.chunks) == (20, 20)
        assert c.add([{"id": "red0", "media": IMAGES["red0"], "metadata": {"color": "red"}}]).unchanged == 1
    with cd.open(tmp_path / "c") as c:
        found = c.search(image(COLORS["blue"], 99), k=5)
        assert {hit.id[:-1] for hit in found} == {"blue"}
        assert c.search(image(COLORS["blue"], 99), k=3, where="color = 'white'")[0].id[:-1] == "white"
        c.reindex()
        assert c.delete(["blue0", "blue1"]) == 2
        c.compact()
        assert c.verify() == []
        assert {hit.id for hit in c.search(Media("image", IMAGES["blue2"]), k=3)} == {"blue2", "blue3", "blue4"}
        with pytest.raises(InputError, match="starts from images"):
            c.search("blue")
        with pytest.raises(InputError, match="has no image, which color_histogram"):
            c.add(["only a text"])


def test_images_and_texts_are_searched_together(tmp_path):
    with cd.create(tmp_path / "c", f"fuse({PIPE}, bm25())") as c:
        c.add({"id": id, "text": f"a square that is {id[:-1]}", "media": array} for id, array in IMAGES.items())
        assert {hit.id[:-1] for hit in c.search("white square", k=5)} == {"white"}
        assert {hit.id[:-1] for hit in c.search(image(COLORS["red"], 7), k=5)} == {"red"}
        mixed = c.search_many(["green", image(COLORS["blue"], 3)], k=5)
        assert [{hit.id[:-1] for hit in hits} for hits in mixed] == [{"green"}, {"blue"}]


def test_an_export_holds_the_images(tmp_path):
    from codomain.store.exchange.export import export_file, import_file

    with cd.create(tmp_path / "a", PIPE) as a:
        a.add([{"id": id, "media": array} for id, array in IMAGES.items()])
        export_file(a, tmp_path / "a.jsonl")
        with pytest.raises(InputError, match="has media, which Parquet"):
            export_file(a, tmp_path / "a.parquet")
        with cd.create(tmp_path / "b", PIPE) as b:
            import_file(b, tmp_path / "a.jsonl")
            assert b.verify() == [] and len(b) == 20
            query = image(COLORS["red"], 50)
            assert [h.id for h in b.search(query)] == [h.id for h in a.search(query)]


def test_tune_compares_pipelines_on_images(tmp_path):
    queries = {f"q{name}{i}": Media("image", image(color, 100 + i)) for name, color in COLORS.items() for i in range(6)}
    qrels = {q: {id: 1 for id in IMAGES if id[:-1] == q[1:-1]} for q in queries}
    documents = {id: Media("image", array) for id, array in IMAGES.items()}
    space = ["color_histogram(2) >> flat()", "color_histogram(3) >> flat()", "color_histogram(1) >> flat()"]
    data = Dataset("squares", documents=documents, queries=queries, qrels=qrels)
    tuned = cd.tune(data, space=space, engine="inside", folder=tmp_path / "tune", confirm=False)
    values = {outcome.expression: outcome.mean for outcome in tuned.outcomes}
    assert values["color_histogram() >> flat()"] == 1.0 > values["color_histogram(1) >> flat()"]
    with cd.create(tmp_path / "c", PIPE) as c:
        c.add([{"id": id, "media": array} for id, array in IMAGES.items()])
        arrays = {id: medium.data for id, medium in queries.items()}
        tuned = cd.tune(c, arrays, qrels, space=space, engine="inside", confirm=True)
        assert tuned.recommended is not None and max(o.mean for o in tuned.outcomes) == 1.0


def test_media_in_a_damaged_database_are_named(tmp_path):
    with cd.create(tmp_path / "c", PIPE) as c:
        c.add([{"id": "x", "media": IMAGES["red0"]}])
        with c.writing() as backend:
            (data,) = backend.db.execute("SELECT data FROM media").fetchone()
            backend.db.execute("UPDATE media SET data = ?", [data[:-1] + bytes([data[-1] ^ 1])])
        assert any("image of the document 'x' is not what was stored" in fault for fault in c.verify())
        with c.writing() as backend:
            backend.db.execute("UPDATE media SET document = 99")
        assert any("document 99 that is not there" in fault for fault in c.verify())


def test_stages_that_start_from_images_cannot_follow_anything():
    with pytest.raises(PipelineError, match="it takes images, but truncate"):
        cd.pipeline("static() >> truncate(8) >> color_histogram()")


def test_items_are_given_to_encoders_by_what_they_take():
    medium = Media("image", np.ones((2, 2), np.uint8))
    both = Item("a square", (medium,))
    assert given_to(("text",), [both, "plain"]) == ["a square", "plain"]
    assert given_to(("image",), [both])[0] is medium.data
    assert given_to(("text", "image"), [both, "plain"]) == [both, "plain"]
    with pytest.raises(InputError, match="item 1 has no image"):
        given_to(("image",), [both, "plain"])
    assert key_of(from_json(to_json(both))) == key_of(both)


def test_media_are_arrays_or_bytes_of_a_modality():
    for modality, data in (("text", b""), ("smell", b""), ("image", "x"), ("image", np.array([object()]))):
        with pytest.raises(InputError):
            Media(modality, data)
    file = Media("audio", b"RIFF....")
    assert Media.restore("audio", *file.stored).digest == file.digest


def test_an_older_collection_gets_a_place_for_media_when_it_needs_one(tmp_path):
    import tarfile
    from pathlib import Path

    with tarfile.open(Path(__file__).parent / "store/earlier/format3.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    with cd.open(tmp_path / "hybrid") as c:
        assert c.get("d1") is not None
        c.add([{"id": "with", "text": "a red square", "media": Media("image", IMAGES["red0"])}])
        assert c.verify() == []
        assert (
            c.items(np.array([c.search("red square")[0].row]))[0].media[0].digest
            == Media("image", IMAGES["red0"]).digest
        )
    with pytest.raises(StoreError, match="no collection"):
        cd.open(tmp_path / "nothing")
