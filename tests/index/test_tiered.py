"""Two tiers: candidates from any coarse pipeline, scores from full vectors, wherever these are."""

import numpy as np
import pytest

import codomain as cd
from codomain import pipeline
from codomain.errors import InputError, PipelineError
from codomain.index import verify
from codomain.index.tiered import Tiered
from codomain.report import recording

DIM = 32


def clustered(n, seed):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((40, DIM))
    points = centres[rng.integers(40, size=n)] + 0.5 * rng.standard_normal((n, DIM))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


VECTORS, MORE, QUERIES = clustered(2000, 0), clustered(300, 1), clustered(20, 2)
COARSE = ["binary() >> flat('hamming')", "pca(8) >> int8() >> flat()", "float16() >> hnsw()", "flat()"]


class Owner:
    """A collection that holds the vectors."""

    def __init__(self, vectors):
        self.held = vectors

    def vectors(self, rows):
        return self.held[rows]


def exact(vectors, k, metric="ip", mask=None):
    x, q = vectors.astype(np.float64), QUERIES.astype(np.float64)
    scores = -((q[:, None] - x) ** 2).sum(axis=2) if metric == "l2" else q @ x.T
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(scores, order, axis=1)


@pytest.mark.parametrize("coarse", COARSE)
@pytest.mark.parametrize("store", ["disk", "ram", "collection"])
def test_scores_are_exact_and_the_best_are_found(tmp_path, coarse, store):
    def made():
        index = Tiered(coarse, candidates=300, store=store, dtype="float32")
        index.attach(Owner(np.concatenate([VECTORS, MORE])))
        return index

    def check(index, vectors, removed=()):
        mask = np.ones(len(vectors), bool)
        mask[list(removed)] = False
        rows, _ = exact(vectors, 10, mask=mask)
        hits = index.search(QUERIES, 10)
        assert (hits.rows == rows).mean() > 0.95
        assert np.allclose(hits.scores, (QUERIES[:, None] * vectors[hits.rows]).sum(axis=2), atol=1e-5)
        mask &= np.random.default_rng(1).random(len(vectors)) < 0.02
        few = np.flatnonzero(mask)
        assert (np.sort(index.search(QUERIES, 60, mask).rows[:, : len(few)], axis=1) == few).all()
        assert not np.isin(index.search(QUERIES, 60).rows, list(removed)).any()

    index = made().build(VECTORS)
    check(index, VECTORS)
    index.save(tmp_path / "saved")
    check(index, VECTORS)
    verify(tmp_path / "saved")
    index.add(MORE)
    everything = np.concatenate([VECTORS, MORE])
    check(index, everything)
    index.remove(np.array([3, 2100]))
    check(index, everything, (3, 2100))
    index.save(tmp_path / "again")
    again = made().load(tmp_path / "again")
    check(again, everything, (3, 2100))
    assert len(again) == len(everything) - 2


@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
def test_every_metric_agrees_with_a_slow_scan(metric):
    index = Tiered("flat()" if metric != "l2" else "flat('l2')", candidates=50, metric=metric, dtype="float32").build(
        VECTORS
    )
    rows, scores = exact(VECTORS, 5, metric)
    hits = index.search(QUERIES, 5)
    assert (hits.rows == rows).all() and np.allclose(hits.scores, scores, atol=1e-5)


def test_full_vectors_on_disk_take_no_memory(tmp_path):
    index = Tiered(candidates=40).build(VECTORS)
    assert index.nbytes > VECTORS.nbytes / 2
    index.save(tmp_path)
    assert index.nbytes < VECTORS.nbytes / 12
    again = Tiered(candidates=40).load(tmp_path)
    with recording() as report:
        again.search(QUERIES, 10)
    assert report.fetched == 40 * len(QUERIES)
    # the whole file is half of float32; a few records are a small part of it, gaps between neighbours included
    assert 40 * len(QUERIES) * 2 * DIM <= report.bytes_read


def test_more_candidates_find_more():
    rows, _ = exact(VECTORS, 10)

    def recall(candidates):
        found = Tiered(candidates=candidates, dtype="float32").build(VECTORS).search(QUERIES, 10).rows
        return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), rows.tolist(), strict=True)])

    assert recall(10) < recall(50) <= recall(400)
    assert recall(len(VECTORS)) == 1


def test_the_coarse_score_can_weigh_in():
    plain = Tiered("flat()", candidates=50, dtype="float32").build(VECTORS).search(QUERIES, 5)
    mixed = Tiered("flat()", candidates=50, dtype="float32", coarse_weight=0.5).build(VECTORS).search(QUERIES, 5)
    assert np.allclose(mixed.scores, 1.5 * plain.scores, rtol=1e-5)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("static() >> int8() >> tiered()", "cannot follow"),
        ("tiered(bm25())", "coarse pipeline"),
        ("tiered(store='cloud')", "store"),
        ("tiered(candidates=0)", "candidates"),
        ("tiered(dtype='int3')", "dtype"),
        ("static() >> tiered(pca(999) >> flat())", "384"),
        ("tiered(tiered())", "coarse index"),
    ],
)
def test_what_cannot_be_built_is_told(expression, said):
    with pytest.raises(PipelineError, match=said):
        pipeline(expression)


def test_odd_input():
    index = Tiered().build(np.zeros((0, DIM), np.float32))
    assert (index.search(QUERIES, 3).rows == -1).all()
    index = Tiered().build(VECTORS[:5])
    assert (np.sort(index.search(QUERIES, 9).rows[:, :5], axis=1) == np.arange(5)).all()
    assert (index.search(QUERIES, 9, np.zeros(5, bool)).rows == -1).all()
    with pytest.raises(InputError, match="NaN"):
        Tiered().build(np.full((2, 2), np.nan, np.float32))
    with pytest.raises(InputError, match="dimensions"):
        index.search(QUERIES[:, :3], 1)
    with pytest.raises(InputError, match="attach"):
        Tiered(store="collection").build(VECTORS).search(QUERIES, 1)


def test_damage_is_noticed(tmp_path):
    Tiered().build(VECTORS).save(tmp_path)
    file = tmp_path / "full.npy"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="rebuild"):
        Tiered().load(tmp_path)


@pytest.mark.parametrize("store", ["disk", "collection"])
def test_in_a_collection(tmp_path, texts, store):
    with cd.create(tmp_path / "c", f"hashed() >> tiered(candidates=20, store='{store}')") as c:
        c.add([{"id": str(i), "text": text, "metadata": {"even": i % 2 == 0}} for i, text in enumerate(texts[:150])])
        c.reindex()
        c.add([{"id": str(i), "text": texts[i]} for i in range(150, 200)])
        c.delete(["7"])
    with cd.open(tmp_path / "c") as c:
        for number in (3, 160):
            assert c.search(texts[number], k=1)[0].id == str(number)
        assert all(hit.metadata["even"] for hit in c.search(texts[3], k=10, where="even == true"))
        assert "7" not in {hit.id for hit in c.search(texts[7], k=200)}
        c.reindex()
        assert c.verify() == [] and c.search(texts[160], k=1)[0].id == "160"


def test_no_hits_asked_for_are_none_given():
    assert Tiered().build(VECTORS).search(QUERIES, 0).rows.shape == (len(QUERIES), 0)
    with pytest.raises(InputError, match="k must be"):
        Tiered().build(VECTORS).search(QUERIES, -1)


def test_another_kind_of_vectors_is_told():
    import scipy.sparse

    with pytest.raises(InputError, match="table of numbers"):
        Tiered().build(scipy.sparse.csr_array(VECTORS))


def test_what_halves_cannot_hold_is_clipped(tmp_path):
    large = VECTORS * np.float32(1e6)
    index = Tiered("flat()", 2000).build(large[:1500])
    index.add(large[1500:])
    index.save(tmp_path)
    _, scores = exact(np.clip(large, -65504, 65504), 5)
    assert np.allclose(index.search(QUERIES, 5).scores, scores, rtol=1e-3)
