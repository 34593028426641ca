"""Two tiers: candidates from any coarse pipeline, scores from full vectors, wherever these are."""

import numpy as np
import pytest

import codomain as cd
from codomain import pipeline
from codomain.errors import InputError, PipelineError
from codomain.index import verify
from codomain.index.tiered import Tiered
from codomain.trace import collect
from codomain.transform import OPQ, PQ, Binary, Float8, Float16, Int4, Int8

DIM = 32


def clustered(n, seed):
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).standard_normal((40, DIM))
    points = centers[rng.integers(40, size=n)] + 0.5 * rng.standard_normal((n, DIM))
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
    bits = "binary() >> flat('hamming')"
    index = Tiered(bits, candidates=40).build(VECTORS)
    assert index.nbytes > VECTORS.nbytes / 2
    index.save(tmp_path)
    assert index.nbytes < VECTORS.nbytes / 12
    again = Tiered(bits, candidates=40).load(tmp_path)
    with collect() as report:
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
        ("static() >> binary() >> tiered()", "cannot follow"),
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


QUANTIZERS = {
    "float16": Float16(),
    "float8": Float8(),
    "int8": Int8(),
    "int4": Int4(),
    "pq": PQ(8),
    "opq": OPQ(8, rounds=2),
}


@pytest.mark.parametrize("kind", QUANTIZERS)
@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
def test_over_codes_both_tiers_are_those_of_a_slow_search(kind, metric):
    """Signs around the mean of what the codes stand for, the best by Hamming distance, scored by what the codes stand for."""
    quantizer = QUANTIZERS[kind].fit(VECTORS)
    index = Tiered("binary() >> flat('hamming')", candidates=60, metric=metric).build(
        quantizer.encode(VECTORS), quantizer.codec
    )
    x = quantizer.transform(VECTORS)
    inner = Binary().fit(x)
    bits, asked = inner.encode(x), np.packbits(inner.transform_queries(QUERIES) > 0, axis=1)
    hits = index.search(QUERIES, 10)
    for i, query in enumerate(QUERIES.astype(np.float64)):
        distance = np.unpackbits(bits ^ asked[i], axis=1).sum(axis=1)
        near = np.argsort(distance, kind="stable")[:60]
        z = x[near].astype(np.float64)
        scores = -((z - query) ** 2).sum(axis=1) if metric == "l2" else z @ query
        if metric == "cosine":
            scores = scores / np.linalg.norm(z, axis=1) / np.linalg.norm(query)
        order = np.argsort(-scores, kind="stable")[:10]
        assert hits.scores[i] == pytest.approx(scores[order], abs=1e-5)
        reached = dict(zip(near.tolist(), scores.tolist(), strict=True))
        assert [reached[row] for row in hits.rows[i].tolist()] == pytest.approx(scores[order].tolist(), abs=1e-5)


@pytest.mark.parametrize("kind", QUANTIZERS)
@pytest.mark.parametrize("store", ["disk", "ram", "collection"])
def test_over_codes_it_is_saved_opened_and_grows(tmp_path, kind, store):
    quantizer = QUANTIZERS[kind].fit(VECTORS)
    whole = np.concatenate([VECTORS, MORE])
    x = quantizer.transform(whole)

    def made():
        index = Tiered("pca(16) >> int8() >> flat()", candidates=200, store=store)
        index.attach(Owner(x))
        return index

    def check(index, n):
        hits = index.search(QUERIES, 5)
        rows, _ = exact(x[:n], 5)
        assert (
            np.mean([len(set(a) & set(b)) / 5 for a, b in zip(hits.rows.tolist(), rows.tolist(), strict=True)]) > 0.97
        )
        assert np.allclose(hits.scores, (QUERIES[:, None] * x[hits.rows]).sum(axis=2), atol=1e-5)

    index = made().build(quantizer.encode(VECTORS), quantizer.codec)
    check(index, len(VECTORS))
    index.save(tmp_path / "saved")
    index.add(quantizer.encode(MORE))
    check(index, len(whole))
    index.save(tmp_path / "again")
    verify(tmp_path / "again")
    again = made().load(tmp_path / "again")
    check(again, len(whole))
    again.remove(np.array([7]))
    assert len(again) == len(whole) - 1 and 7 not in again.search(QUERIES, 300).rows
    width = quantizer.codec.bits_per_vector // 8
    held = {"disk": 0, "collection": 0, "ram": width * len(whole)}[store]
    assert held <= again.nbytes - 16 * len(whole) < held + 2_000  # 16 bytes of coarse codes
    if store != "collection":
        assert (tmp_path / "again" / "full.npy").stat().st_size - width * len(whole) in range(80, 200)


@pytest.mark.parametrize("coarse", ["binary() >> flat('hamming')", "pca(8) >> int8() >> flat()"])
def test_over_int8_as_much_is_found_as_over_float32(coarse):
    quantizer = Int8().fit(VECTORS)
    best, _ = exact(VECTORS, 10)

    def recall(index):
        found = index.search(QUERIES, 10).rows
        return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), best.tolist(), strict=True)])

    dense = recall(Tiered(coarse, candidates=100).build(VECTORS))
    coded = recall(Tiered(coarse, candidates=100).build(quantizer.encode(VECTORS), quantizer.codec))
    assert abs(dense - coded) < 0.03 and coded > 0.75


def test_a_collection_holds_codes_once_and_coarse_codes_beside_them(tmp_path, texts):
    many = [f"{text} {n}" for n in range(6) for text in texts]
    pipe = """hashed(64) >> int8() >> tiered("binary() >> flat('hamming')", 50, store='collection')"""
    with cd.create(tmp_path / "c", pipe) as c, cd.create(tmp_path / "exact", "hashed(64) >> int8() >> flat()") as plain:
        for collection in (c, plain):
            collection.add([{"id": str(i), "text": text} for i, text in enumerate(many)])
            collection.reindex()
        c.add([{"id": "new", "text": "violin violin violin"}])
        assert c.search("violin violin violin", 1)[0].id == "new"
        c.reindex()
        (branch,) = c.info()["branches"]
        assert branch["vector_bytes"] == 64 * 1201 and branch["rows_in_index"] == 1201
        files = [path.stat().st_size for path in (tmp_path / "c" / "derived").rglob("codes.npy")]
        assert sum(files) < 8 * 1201 + 200 and not list((tmp_path / "c" / "derived").rglob("full.npy"))
        for query in many[:5]:
            found = {hit.id: hit.score for hit in c.search(query, 5)}
            expected = {hit.id: hit.score for hit in plain.search(query, 50)}
            assert all(found[id] == pytest.approx(expected[id], abs=1e-4) for id in found if id in expected)
            assert max(found.values()) == pytest.approx(max(expected.values()), abs=1e-4)
        assert c.verify() == []
    with cd.open(tmp_path / "c") as c:
        assert c.search(many[17], 1)[0].score == pytest.approx(1, abs=0.05)


def test_codes_of_another_form_are_told():
    quantizer = Int8().fit(VECTORS)
    index = Tiered().build(quantizer.encode(VECTORS), quantizer.codec)
    with pytest.raises(InputError, match="codes of int8"):
        index.add(MORE)
    empty = Tiered().build(quantizer.encode(VECTORS[:0]), quantizer.codec)
    assert (empty.search(QUERIES, 3).rows == -1).all()
    empty.add(quantizer.encode(VECTORS[:4]))
    assert (np.sort(empty.search(QUERIES, 9).rows[:, :4], axis=1) == np.arange(4)).all()


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


def test_the_default_opens_the_tier_of_signs_of_earlier_versions(tmp_path):
    signs = "binary() >> flat('hamming')"
    earlier = Tiered(signs, 200).build(VECTORS)
    earlier.save(tmp_path)
    opened = Tiered(candidates=200).load(tmp_path)
    assert np.array_equal(opened.search(QUERIES, 10).rows, earlier.search(QUERIES, 10).rows)
    opened.add(MORE)
    opened.save(tmp_path)
    assert len(Tiered().load(tmp_path)) == len(VECTORS) + len(MORE)
    with pytest.raises(InputError, match="other parameters"):
        Tiered("pca(8) >> int8() >> flat()").load(tmp_path)


def test_without_numba_the_coarse_tier_is_of_signs(monkeypatch):
    monkeypatch.setattr("codomain.index.tiered.find_spec", lambda name: None)
    assert Tiered().build(VECTORS).search(QUERIES, 10).rows.shape == (len(QUERIES), 10)
    assert [str(stage) for stage in Tiered()._tier.stages] == ["binary()", "flat('hamming')"]


def test_candidates_grow_in_proportion_to_the_answers():
    for candidates, k, read in (
        (30, 1, 30),
        (30, 10, 30),
        (30, 25, 75),
        (30, 10_000, len(VECTORS)),
        ("auto", 10, None),
    ):
        index = Tiered("flat()", candidates, store="ram", dtype="float32").build(VECTORS)
        with collect() as report:
            index.search(QUERIES[:1], k)
        assert report.scored == len(VECTORS) + (min(400, len(VECTORS)) if read is None else read)
