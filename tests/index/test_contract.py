"""What every vector index promises, checked for each index on each kind of stored vector."""

import shutil
import time

import faiss
import numpy as np
import pytest

from codomain import pipeline
from codomain.arrays import Packed
from codomain.codecs.codec import Codec
from codomain.errors import InputError, PipelineError
from codomain.index import verify
from codomain.index.array_files import open_arrays, save_arrays
from codomain.index.ivf import _lists
from codomain.registry import stage_class
from codomain.transform import OPQ, PQ, Binary, Float8, Float16, Int2, Int4, Int8, QuantileBins

DIM = 32
QUANTIZERS = {
    "float32": None,
    "float16": Float16(),
    "float8": Float8(),
    "float8_e5m2": Float8("e5m2"),
    "int8": Int8(),
    "int4": Int4(),
    "int2": Int2(),
    "bins": QuantileBins(),
    "pq": PQ(8),
    "opq": OPQ(8, 4, rounds=2),
    "binary": Binary(),
    "binary_plain": Binary(center=False),
}
CASES = [
    (index, metric, kind)
    for index in ("flat", "auto", "hnsw", "ivf", "ivfpq", "filtered")
    for metric in ("ip", "cosine", "l2")
    for kind in QUANTIZERS
    if not (index in ("ivf", "ivfpq", "filtered") and kind.startswith("binary"))
    and (metric == "ip" or kind not in ("float8_e5m2", "binary_plain"))
    and (index in ("flat", "hnsw", "ivf") or kind not in ("int4", "int2", "bins", "pq", "opq"))
]


def clustered(n: int, seed: int = 0) -> np.ndarray:
    """Points around fifty centres, as embeddings are: not the uniform noise on which no index can work."""
    centers = np.random.default_rng(99).standard_normal((50, DIM))
    rng = np.random.default_rng(seed)
    return (centers[rng.integers(50, size=n)] + 0.5 * rng.standard_normal((n, DIM))).astype(np.float32)


VECTORS, MORE, QUERIES = clustered(1500), clustered(300, 1), clustered(20, 2)


class Case:
    """An index with what is stored in it, and the slow answer to every search."""

    def __init__(self, index: str, metric: str, kind: str) -> None:
        self.index = stage_class(index)(metric=metric)
        self.metric, self.kind = metric, kind
        self.quantizer = QUANTIZERS[kind]
        self.codec = None
        if self.quantizer is not None:
            self.codec = self.quantizer.fit(VECTORS).codec
        self.reads = np.zeros((0, DIM), np.float32)
        self.floor = {"ivfpq": 0.5, "hnsw": 0.85 if kind.startswith("binary") else 0.95}.get(index, 0.95)

    def codes(self, vectors):
        return vectors if self.quantizer is None else self.quantizer.encode(vectors)

    def build(self, vectors):
        self.index.build(self.codes(vectors), self.codec)
        self.reads = self._read(vectors)
        return self

    def add(self, vectors):
        self.index.add(self.codes(vectors))
        self.reads = np.concatenate([self.reads, self._read(vectors)])

    def slow(self, queries, k, allowed=None):
        """Rows by the definition of the metric, in float64."""
        q, x = queries.astype(np.float64), self.reads.astype(np.float64)
        scores = q @ x.T
        if self.metric == "cosine":
            product = np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(x, axis=1)
            scores = np.divide(scores, product, out=np.zeros_like(scores), where=product > 0)
        if self.metric == "l2":
            scores = -((q[:, None] - x) ** 2).sum(axis=2)
        rows = np.arange(len(x)) if allowed is None else np.asarray(allowed)
        order = rows[np.argsort(-scores[:, rows], axis=1, kind="stable")[:, :k]]
        return order, scores

    def check(self, queries, k, allow=None, allowed=None):
        hits = self.index.search(queries, k, allow)
        best, scores = self.slow(queries, k, allowed)
        assert hits.rows.shape == hits.scores.shape == (len(queries), k)
        n = best.shape[1]
        assert (hits.rows[:, :n] >= 0).all() and (hits.rows[:, n:] == -1).all()
        assert (hits.scores[:, n:] == -np.inf).all()
        if allowed is not None:
            assert np.isin(hits.rows[:, :n], allowed).all()
        assert all(len(set(row)) == n for row in hits.rows[:, :n].tolist())
        assert (np.diff(hits.scores[:, :n], axis=1) <= 1e-5).all()
        # a row that ties with the k-th best is as good as it
        reached = np.take_along_axis(scores, hits.rows[:, :n], axis=1)
        if n == 0:
            return
        limit = np.take_along_axis(scores, best[:, -1:], axis=1)
        slack = 2e-3 * (1 + np.abs(limit))
        recall = (reached >= limit - slack).mean()
        assert recall >= self.floor, recall
        if not isinstance(self.index, stage_class("ivfpq")):
            assert np.allclose(hits.scores[:, :n], reached, rtol=2e-3, atol=2e-2)

    def _read(self, vectors):
        return vectors if self.quantizer is None else self.quantizer.transform(vectors)


@pytest.fixture(params=CASES, ids="-".join)
def case(request, monkeypatch):
    # so small a collection would always be scanned: make the graphs and lists work
    monkeypatch.setattr("codomain.index.faiss_index.FaissIndex._trivial", 0)
    monkeypatch.setattr("codomain.index.filtered.filtered._LEAST", 1000)
    monkeypatch.setattr("codomain.index.filtered.planner.QueryCosts.scan", lambda self, allowed: float("inf"))
    return Case(*request.param)


def test_finds_what_a_slow_scan_finds_and_keeps_doing_so_as_it_changes(case, tmp_path):
    case.build(VECTORS).check(QUERIES, 10)
    for share in (0.5, 0.05, 0.003):
        mask = np.random.default_rng(3).random(len(VECTORS)) < share
        case.check(QUERIES, 10, mask, np.flatnonzero(mask))
        case.check(QUERIES[:2], 10, np.flatnonzero(mask)[::-1], np.flatnonzero(mask))

    case.add(MORE)
    case.check(QUERIES, 10)
    gone = case.index.search(QUERIES[:5], 10).rows.ravel()
    case.index.remove(gone)
    kept = np.setdiff1d(np.arange(1800), gone)
    assert len(case.index) == len(kept)
    case.check(QUERIES, 10, None, kept)

    case.index.save(tmp_path / "saved")
    verify(tmp_path / "saved")
    before = case.index.search(QUERIES, 10)
    opened = stage_class(case.index.name)(metric=case.metric).load(tmp_path / "saved")
    after = opened.search(QUERIES, 10)
    assert np.array_equal(before.rows, after.rows) and np.allclose(before.scores, after.scores)
    case.index = opened
    case.add(QUERIES)
    case.check(QUERIES, 10, None, np.setdiff1d(np.arange(1820), gone))
    opened.save(tmp_path / "saved")
    assert len(stage_class(case.index.name)(metric=case.metric).load(tmp_path / "saved")) == len(opened)


def test_odd_collections_give_all_the_hits_there_are(case, tmp_path):
    empty = case.build(VECTORS[:0])
    assert len(empty.index) == 0
    empty.check(QUERIES[:2], 3)
    empty.index.save(tmp_path / "empty")
    case.index = stage_class(case.index.name)(metric=case.metric).load(tmp_path / "empty")
    case.add(VECTORS[:3])
    case.check(QUERIES[:2], 5)
    assert (case.index.search(QUERIES[:2], 5, np.zeros(3, bool)).rows == -1).all()
    assert case.index.search(QUERIES[:0], 5).rows.shape == (0, 5)
    assert case.index.search(QUERIES[:2], 0).rows.shape == (2, 0)

    duplicates = np.repeat(VECTORS[:1], 100, axis=0)
    duplicates[50:] = 0
    case.build(duplicates).check(QUERIES[:2], 60)
    case.index.search(np.zeros((1, DIM), np.float32), 60)
    case.index.remove(np.arange(100))
    assert (case.index.search(QUERIES[:1], 3).rows == -1).all()


@pytest.mark.parametrize("name", ["flat", "auto", "hnsw", "ivf", "ivfpq"])
def test_refuses_what_it_cannot_search(name):
    index = stage_class(name)().build(VECTORS[:200])
    with pytest.raises(InputError, match="32 are needed"):
        index.search(QUERIES[:, :5], 3)
    with pytest.raises(InputError, match="mask has 7 entries"):
        index.search(QUERIES, 3, np.ones(7, bool))
    with pytest.raises(InputError, match="3 dimensions"):
        index.add(VECTORS[:, :3])


@pytest.mark.parametrize("index", ["flat", "auto", "hnsw", "ivf", "ivfpq", "bm25"])
def test_a_flipped_byte_in_any_file_is_noticed(index, tmp_path):
    content = [f"river number{i}" for i in range(300)] if index == "bm25" else VECTORS[:300]
    stage_class(index)().build(content).save(tmp_path)
    stage_class(index)().load(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        for at in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            with pytest.raises(InputError, match=r"rebuild the index|reads format|holds a saved"):
                stage_class(index)().load(tmp_path)
        path.write_bytes(content)


@pytest.fixture(autouse=True)
def codebooks_of_small_samples(monkeypatch):
    """Product quantisation sets in at a size that a test can afford."""
    monkeypatch.setattr("codomain.index.ivf._CODEBOOK_ROWS", 1000)


def test_ivfpq_of_few_rows_is_built_at_once_and_in_silence(monkeypatch, capfd):
    monkeypatch.undo()
    vectors = np.random.default_rng(5).standard_normal((1100, 384)).astype(np.float32)
    started = time.process_time()
    index = stage_class("ivfpq")().build(vectors)
    assert time.process_time() - started < 20  # learning 96 codebooks from so few took half a minute
    assert capfd.readouterr() == ("", "")
    assert (index.search(vectors[:20], 1).rows[:, 0] == np.arange(20)).all()  # rows are exact


@pytest.mark.parametrize("index", ["hnsw", "ivf", "ivfpq"])
def test_faiss_never_reads_a_damaged_file_however_large(index, tmp_path, monkeypatch):
    monkeypatch.setattr("codomain.index.array_files._CHECKED", 0)
    stage_class(index)().build(VECTORS[:300]).save(tmp_path)
    path = tmp_path / "index.faiss"
    content = path.read_bytes()
    path.write_bytes(content[:-100] + bytes([content[-100] ^ 255]) + content[-99:])
    with pytest.raises(InputError, match=r"index\.faiss is damaged"):
        stage_class(index)().load(tmp_path)


@pytest.mark.parametrize("index", ["flat", "hnsw", "ivf", "ivfpq"])
def test_damaged_files_are_told_by_a_sentence(index, tmp_path):
    stage_class(index)().build(VECTORS).save(tmp_path / "good")
    files = sorted(p.name for p in (tmp_path / "good").iterdir())
    for name in files:
        bad = tmp_path / f"bad_{name}"
        shutil.copytree(tmp_path / "good", bad)
        data = (bad / name).read_bytes()
        (bad / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(InputError, match="rebuild"):
            stage_class(index)().load(bad)
        (bad / name).unlink()
        with pytest.raises(InputError):
            stage_class(index)().load(bad)
    name = "codes.npy" if index == "flat" else "index.faiss"
    data = bytearray((tmp_path / "good" / name).read_bytes())
    data[-9] ^= 1
    (tmp_path / "good" / name).write_bytes(data)
    with pytest.raises(InputError, match="checksum"):
        verify(tmp_path / "good")


@pytest.mark.parametrize("index", ["flat", "auto", "hnsw"])
def test_hamming_counts_the_bits_that_differ(index):
    quantizer = Binary().fit(VECTORS)
    codes, asked = quantizer.encode(VECTORS), quantizer.encode(QUERIES)
    built = stage_class(index)(metric="hamming").build(codes, quantizer.codec)
    hits = built.search(quantizer.transform_queries(QUERIES), 10)
    differing = np.unpackbits(asked[:, None] ^ codes, axis=2).sum(axis=2)
    assert (np.sort(differing, axis=1)[:, :10] == -hits.scores).mean() > 0.9
    assert np.array_equal(-hits.scores, np.take_along_axis(differing, hits.rows, axis=1))
    with pytest.raises(InputError, match="binary"):
        stage_class(index)(metric="hamming").build(VECTORS)


def test_packed_bits_need_no_codec():
    bits = np.packbits(VECTORS > 0, axis=1)
    hits = stage_class("flat")().build(Packed(bits, DIM)).search(QUERIES, 5)
    signs = np.where(VECTORS > 0, 1, -1) / np.sqrt(DIM)
    assert np.allclose(hits.scores, -np.sort(-(QUERIES @ signs.T), axis=1)[:, :5], atol=1e-4)


def test_ties_go_to_the_lower_row():
    hits = stage_class("flat")().build(np.ones((9, 4), np.float32)).search(np.ones((2, 4), np.float32), 3)
    assert hits.rows.tolist() == [[0, 1, 2], [0, 1, 2]]


def test_wrong_joints_fail_when_the_pipeline_is_built():
    with pytest.raises(PipelineError, match="packed"):
        pipeline("binary() >> ivfpq()")
    with pytest.raises(PipelineError, match="m=5"):
        pipeline("truncate(64) >> ivfpq(m=5)")
    with pytest.raises(PipelineError, match="metric"):
        pipeline("flat('angular')")


def test_codes_of_another_type_are_refused():
    with pytest.raises(InputError, match="float16"):
        stage_class("flat")().build(VECTORS, Codec("float16", DIM))


def test_auto_takes_a_graph_when_a_scan_would_take_long(monkeypatch, tmp_path):
    import codomain.index.auto as auto

    monkeypatch.setattr(auto, "COMPONENTS", 1000 * DIM)
    assert auto.Auto().build(VECTORS[:1000]).chosen.name == "flat"
    large = auto.Auto().build(VECTORS)
    assert large.chosen.name == "filtered"
    large.save(tmp_path / "large")
    assert auto.Auto().load(tmp_path / "large").chosen.name == "filtered"


def test_the_metric_hamming_follows_packed_bits_only():
    assert pipeline("static() >> binary() >> flat('hamming')")
    with pytest.raises(PipelineError, match="packed bits"):
        pipeline("static() >> flat('hamming')")


def test_the_least_effort_of_a_walk_is_one():
    assert pipeline("static() >> hnsw(ef_search=1)")
    with pytest.raises(PipelineError, match="ef_search"):
        pipeline("static() >> hnsw(ef_search=0)")


def test_lists_hold_as_many_rows_as_k_means_asks_for():
    least = faiss.ClusteringParameters().min_points_per_centroid
    assert [_lists(1_000, rows) for rows in (1, least, 7 * least - 1, 7 * least)] == [1, 1, 6, 7]


def test_large_arrays_are_mapped_and_small_ones_read(tmp_path):
    save_arrays(tmp_path, "test", {"large": np.zeros(1 << 20, np.uint8), "small": np.zeros(9, np.uint8)}, {})
    arrays, _ = open_arrays(tmp_path, "test")
    assert isinstance(arrays["large"].base, np.memmap) and not isinstance(arrays["small"].base, np.memmap)
