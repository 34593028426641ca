"""Near duplicates and topics against all pairs compared one by one, and groups that were made."""

import itertools
import random

import numpy as np
import pytest

import codomain as cd
from codomain.errors import CodomainError
from codomain.measure.tasks.duplicates import near_duplicates
from codomain.measure.tasks.topics import topics_of

pytest.importorskip("datasketch")
WORDS = [a + b for a in ("ba", "co", "di", "fu", "ga", "he", "ju", "ka") for b in ("lor", "min", "nat", "pel", "rus")]


def made(seed=5):
    """Texts of 60 words; of some there are copies with words replaced at the end or nothing but other marks."""
    draw = random.Random(seed)
    texts = {f"o{i}": [draw.choice(WORDS) for _ in range(60)] for i in range(40)}
    for i in range(0, 40, 4):
        texts[f"near{i}"] = [*texts[f"o{i}"][:57], "altered", "last", "words"]
        texts[f"far{i}"] = texts[f"o{i}"][:35] + [draw.choice(WORDS) for _ in range(25)]
    made = {key: " ".join(words) for key, words in texts.items()}
    return made | {
        "marks": made["o2"].upper().replace(" ", ", "),
        "short": "two words",
        "short2": "Two words!",
        "none": "...",
    }


def runs(text):
    words = text.casefold().replace(",", " ").replace("!", " ").split()
    return {tuple(words[i : i + 5]) for i in range(max(len(words) - 4, 1))}


@pytest.mark.parametrize("threshold", [0.8, 0.3])
def test_groups_are_those_of_all_pairs_compared(tmp_path, threshold):
    texts = made()
    with cd.create(tmp_path / "c", "bm25()") as c:
        c.add({"id": key, "text": text} for key, text in texts.items())
        found = near_duplicates(c, threshold=threshold)
    order = [key for key in texts if key != "none"]
    parent = {key: key for key in order}

    def root(key):
        while parent[key] != key:
            key = parent[key]
        return key

    best = {}
    for a, b in itertools.combinations(order, 2):
        share = len(runs(texts[a]) & runs(texts[b])) / len(runs(texts[a]) | runs(texts[b]))
        if share >= threshold:
            parent[max(root(a), root(b), key=order.index)] = min(root(a), root(b), key=order.index)
            for key in (a, b):
                best[key] = max(best.get(key, 0), share)
    groups = {}
    for key in order:
        groups.setdefault(root(key), []).append(key)
    expected = {first: {k: pytest.approx(best[k]) for k in keys[1:]} for first, keys in groups.items() if len(keys) > 1}
    assert {group.kept: dict(group.others) for group in found.groups} == expected and len(expected) >= 12
    assert (found.documents, found.left_out) == (len(order), 1)


def test_the_one_that_is_kept_is_the_first_last_or_longest(tmp_path):
    texts = {
        "a": "one two three four five six",
        "b": "one two three four five six!!!",
        "c": "one two three four five six",
    }
    with cd.create(tmp_path / "c", "bm25()") as c:
        c.add({"id": key, "text": text} for key, text in texts.items())
        assert [near_duplicates(c, keep=keep).groups[0].kept for keep in ("first", "last", "longest")] == [
            "a",
            "c",
            "b",
        ]
        assert near_duplicates(c, where="_id != 'a'").groups[0].kept == "b"
        for wrong in ({"by": "sound"}, {"keep": "best"}, {"threshold": 0}, {"threshold": 1.5}, {"by": "vectors"}):
            with pytest.raises(CodomainError):
                near_duplicates(c, **wrong)


def test_by_vectors_pairs_are_those_of_a_product(tmp_path):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((60, 16)).astype(np.float32)
    vectors[30:40] = vectors[:10] + 0.02 * rng.standard_normal((10, 16))
    with cd.create(tmp_path / "c", "vectors(16)") as c:
        c.add({"id": f"v{i}", "vector": v} for i, v in enumerate(vectors))
        found = near_duplicates(c, by="vectors")
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = units @ units.T
    expected = {(f"v{i}", f"v{j}") for i, j in itertools.combinations(range(60), 2) if cosines[i, j] >= 0.97}
    assert {(g.kept, id) for g in found.groups for id, _ in g.others} == expected and len(expected) == 10
    assert all(
        s == pytest.approx(cosines[int(g.kept[1:]), int(id[1:])], abs=1e-5) for g in found.groups for id, s in g.others
    )


@pytest.fixture
def three(tmp_path):
    rng = np.random.default_rng(1)
    centers = 4 * rng.standard_normal((3, 8))
    words = (["river", "stone", "water"], ["violin", "music", "opera"], ["engine", "wheel", "road"])
    with cd.create(tmp_path / "c", "fuse(vectors(8, 'ip') >> flat(), bm25())") as c:
        c.add(
            {"id": f"g{i % 3}-{i}", "vector": centers[i % 3] + 0.3 * rng.standard_normal(8),
             "text": f"the {words[i % 3][i % 2]} and the {words[i % 3][2]} of number{i}"} for i in range(90)
        )  # fmt: skip
        yield c


@pytest.mark.parametrize("groups", [None, 3])
def test_groups_that_were_made_are_found_and_named(three, groups):
    found = topics_of(three, groups)
    assert sorted(len(topic.ids) for topic in found.topics) == [30, 30, 30] and found.outliers == []
    for topic in found.topics:
        assert len({id.split("-")[0] for id in topic.ids}) == 1
    names = {topic.words[0] for topic in found.topics}
    assert names == {"water", "opera", "road"}
    assert [t.ids for t in topics_of(three, groups).topics] == [t.ids for t in found.topics]


def test_what_cannot_be_grouped_is_a_sentence(three, tmp_path):
    for wrong in ({"groups": 0}, {"groups": 91}, {"smallest": 1}):
        with pytest.raises(CodomainError):
            topics_of(three, **wrong)
    with cd.create(tmp_path / "words", "bm25()") as words, pytest.raises(CodomainError, match="no encoder"):
        words.add(["a", "b"])
        topics_of(words)
    with cd.create(tmp_path / "empty", "vectors(2)") as empty:
        assert topics_of(empty).topics == [] and near_duplicates(empty, by="vectors").groups == []
