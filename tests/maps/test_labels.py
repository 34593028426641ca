"""Density beside SciPy's, labels beside a plain loop, fields as columns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from codomain.errors import InputError
from codomain.maps.box import Box
from codomain.maps.density import density
from codomain.maps.fields import fields_of
from codomain.maps.labels import FEWEST, WORDS, deepest, terms_of, tile_labels


def test_density_is_the_one_of_scipy():
    places = (np.random.default_rng(0).normal(size=(400, 2)) @ [[3, 1], [0, 1]]).astype(np.float32)
    box = Box.around(places)
    found = density(places, box)
    centers = (np.arange(200) + 0.5) * box.side / 200
    grid = np.stack(np.meshgrid(centers + box.corner[0], centers + box.corner[1], indexing="ij"))
    expected = gaussian_kde(places.T, "silverman")(grid.reshape(2, -1)).reshape(200, 200)
    assert np.abs(found - expected).max() < 0.01 * expected.max()
    assert math.isclose(found.sum() * (box.side / 200) ** 2, 1, abs_tol=0.02)


@pytest.mark.parametrize("places", [np.zeros((0, 2)), np.zeros((5, 2)), [[0, 0], [1, 1], [2, 2]]])
def test_places_that_do_not_spread_have_no_density(places):
    places = np.asarray(places, np.float32).reshape(-1, 2)
    assert not density(places, Box.around(places)).any()


TOPICS = ["fox den forest", "whale ocean ship", "wine grape cellar", "engine piston fuel"]


@pytest.fixture(scope="module")
def corpus() -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(3)
    texts, places = [], []
    for i in range(240):
        topic = i % 4
        words = [str(word) for word in rng.choice(TOPICS[topic].split(), 2, replace=False)]
        texts.append(" ".join(["common", *words, f"rare{i}", str(i)]))
        places.append([topic % 2 * 10 + rng.random() * 4, topic // 2 * 10 + rng.random() * 4])
    return texts, np.float32(places)


def slow_labels(texts: list[str], places: np.ndarray, box: Box) -> dict[tuple[int, int], set[tuple[str, ...]]]:
    """t-tf-idf by counting; words with the same weight in any order."""
    documents = [{word for word in text.split() if word.isalpha()} for text in texts]
    often = {word: sum(word in one for one in documents) for word in set().union(*documents)}
    known = {word for word, count in often.items() if 1 < count <= len(texts) / 2}
    found = {}
    for level in range(1, deepest(len(texts)) + 1):
        for tile in {*box.tiles(places, level).tolist()}:
            inside = [documents[i] for i in np.flatnonzero(box.tiles(places, level) == tile)]
            if len(inside) < FEWEST:
                continue
            weights = {}
            for word in known:
                count = sum(word in one for one in inside)
                share = count / len(inside)
                lift = share / (often[word] / len(texts))
                if count > 1 and share >= 0.1 and lift > 1:
                    weights[word] = share * math.log(lift) ** 2
            if weights:
                found[level, tile] = weights
    return found


def test_labels_are_those_of_a_plain_loop(corpus):
    texts, places = corpus
    box = Box.around(places)
    labels = tile_labels(places, box, terms_of(texts))
    expected = slow_labels(texts, places, box)
    assert len(labels) == len(expected) > 10
    for label in labels:
        tile = int(box.tiles(np.float32([[label.x, label.y]]), label.level)[0])
        weights = expected[label.level, tile]
        found = [weights[word] for word in label.words]
        assert np.allclose(found, sorted(weights.values(), reverse=True)[:WORDS])
        assert label.documents == (box.tiles(places, label.level) == tile).sum()


def test_terms_are_written_as_their_most_frequent_word():
    said = ["The libraries and the library of libraries", "Libraries", "42 libraries at https://example.org/x"]
    assert terms_of([*said, "one", "more", "text", "42", "w"]).written == ["libraries"]


def test_texts_without_words_have_no_labels():
    places = np.random.default_rng(0).random((60, 2)).astype(np.float32)
    assert tile_labels(places, Box.around(places), terms_of(["42"] * 60)) == []


def test_fields_become_columns_and_what_is_left_out_is_said():
    rows = [
        {"year": 2000 + i % 5, "seen": f"2024-01-{i % 28 + 1:02}", "kind": "ab"[i % 2], "tags": ["x", "y"][: i % 3],
         "ok": i % 2 == 0, "url": f"https://{i}", "same": 1, "deep": {"a": 1}, "mixed": [1, "a"][i % 2], "none": None}
        for i in range(1500)
    ]  # fmt: skip
    rows[7] = {"rare": 1}
    columns, said = fields_of(rows)
    kinds = {column.name: column.kind for column in columns}
    assert kinds == {"year": "number", "seen": "date", "kind": "category", "tags": "category", "ok": "category", "mixed": "category"}  # fmt: skip
    by_name = {column.name: column for column in columns}
    assert np.isnan(by_name["year"].data[7]) and by_name["year"].data[8] == 2003
    assert by_name["seen"].data[0] == (np.datetime64("2024-01-01") - np.datetime64("1970-01-01")).astype(int)
    tags = by_name["tags"]
    assert [tags.values[code] for code in tags.data[tags.bounds[2] : tags.bounds[3]]] == ["x", "y"]
    assert tags.bounds[7] == tags.bounds[8] and by_name["ok"].values == ("true", "false")  # 750 and 749
    for name in ("url", "same", "deep", "none"):
        assert any(f"The field {name} is left out" in sentence for sentence in said), name


def test_more_fields_than_a_page_shows_are_named():
    columns, said = fields_of([{f"f{k}": i % 3 for k in range(10)} for i in range(9)])
    assert len(columns) == 8 and said == ["Fields left out beyond 8: f8, f9."]


def test_a_field_that_nobody_has_is_refused():
    with pytest.raises(InputError, match="no document has the field 'colour': they have kind"):
        fields_of([{"kind": "a"}], ["colour"])


def test_large_numbers_and_times_keep_their_digits():
    rows = [{"size": 1_377_557_900 + i, "at": f"2024-01-01T10:{i:02}:30", "small": i} for i in range(20)]
    columns = {column.name: column.data for column in fields_of(rows)[0]}
    assert columns["size"].tolist() == [row["size"] for row in rows] and columns["small"].dtype == np.float32
    assert np.allclose((columns["at"] % 1) * 1440, [600.5 + i for i in range(20)], atol=1e-6, rtol=0)
