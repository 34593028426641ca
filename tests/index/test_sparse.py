"""The sparse index against dense float64 arithmetic, bm25() and bm25s; what changes, filters, files and Seismic do to it."""

import importlib.util
import itertools
import os
import signal
import struct
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, vstack

import codomain as cd
from codomain.analyzer import STOP_WORDS
from codomain.encode.text.lexical import BagOfWordsEncoder, CharNGramEncoder
from codomain.errors import InputError, MissingExtra, PipelineError
from codomain.index import verify
from codomain.index.array_files import open_arrays, save_arrays
from codomain.index.bm25 import BM25
from codomain.index.sparse import SparseIndex, suggest
from codomain.index.sparse.posting_lists import invert, join, revert
from codomain.index.sparse.seismic import _write
from codomain.trace import collect

DIM = 300
needs_engines = pytest.mark.skipif(
    importlib.util.find_spec("seismic") is None, reason="needs pip install 'codomain[seismic]'"
)


def vectors(n: int, seed: int, density: float = 0.05, signed: bool = False, dim: int = DIM) -> csr_array:
    """Rows whose dimensions are used unevenly, as words are; some of them empty."""
    rng = np.random.default_rng(seed)
    dense = rng.random((n, dim)) < density * 4 / np.sqrt(np.arange(1, dim + 1))
    values = rng.integers(1, 5, (n, dim)) * (rng.choice([-1, 1], (n, dim)) if signed else 1)
    found = csr_array((dense * values * (rng.random((n, 1)) > 0.05)).astype(np.float32))
    found.eliminate_zeros()
    return found


class Case:
    """An index with what it holds, and the slow answer by the formulas in float64."""

    def __init__(self, weighting: str, backend: str = "exact", **arguments) -> None:
        self.index = SparseIndex(weighting, backend, **arguments)
        self.weighting = weighting
        self.held = np.zeros((0, DIM))
        self.gone = np.zeros(0, int)

    def build(self, rows: csr_array) -> "Case":
        self.index.build(rows)
        self.held, self.gone = rows.toarray().astype(np.float64), np.zeros(0, int)
        return self

    def add(self, rows: csr_array) -> None:
        self.index.add(rows)
        self.held = np.concatenate([self.held, rows.toarray()])

    def remove(self, rows: np.ndarray) -> None:
        self.index.remove(rows)
        self.gone = np.union1d(self.gone, rows)

    def scores(self, queries: csr_array) -> np.ndarray:
        q, x = queries.toarray().astype(np.float64), self.held.copy()
        kept = np.setdiff1d(np.arange(len(x)), self.gone)
        if self.weighting != "dot":
            df = (x[kept] != 0).sum(axis=0)
            q = q * np.log(1 + (len(kept) - df + 0.5) / (df + 0.5))
        if self.weighting == "bm25":
            length = x.sum(axis=1)
            average = length[kept].mean() if length[kept].any() else 1.0
            x = x / (x + 1.2 * (1 - 0.75 + 0.75 * length / average)[:, None])
        return q @ x.T

    def check(self, queries: csr_array, k: int, allow=None, allowed=None, recall: float = 1.0) -> None:
        hits = self.index.search(queries, k, allow)
        scores = self.scores(queries)
        rows = np.setdiff1d(np.arange(len(self.held)) if allowed is None else allowed, self.gone)
        right = total = 0
        slack = 1e-4 if recall == 1 else 2e-3  # Seismic holds values in two bytes
        for found, given_scores, every in zip(hits.rows, hits.scores, scores, strict=True):
            wanted = every[rows]
            possible = rows if self.weighting == "dot" else rows[wanted > 0]
            best = np.sort(wanted if self.weighting == "dot" else wanted[wanted > 0])[::-1][:k]
            n = min(k, len(possible))
            assert (found[:n] >= 0).all() and (found[n:] == -1).all() and (given_scores[n:] == -np.inf).all()
            assert np.isin(found[:n], possible).all() and len({*found[:n]}) == n
            assert np.allclose(given_scores[:n], every[found[:n]], rtol=slack, atol=slack)
            assert (np.diff(given_scores[:n]) <= 0).all()
            right += (every[found[:n]] >= (best[-1] - slack if n else 0)).sum()
            total += n
        assert right >= recall * total


@pytest.mark.parametrize("weighting", ["dot", "idf", "bm25"])
def test_finds_what_the_formula_says_and_keeps_doing_so_as_it_changes(weighting, tmp_path, monkeypatch):
    monkeypatch.setattr("codomain.index.array_files.MAPPED_FROM", 0)  # map every file
    case = Case(weighting).build(vectors(400, 0))
    queries = vectors(15, 1)
    case.check(queries, 10)
    case.check(queries, 1000)
    for share in (0.5, 0.02):
        mask = np.random.default_rng(3).random(400) < share
        case.check(queries, 10, mask, np.flatnonzero(mask))
        case.check(queries, 10, np.flatnonzero(mask)[::-1], np.flatnonzero(mask))
    for step in range(8):  # parts of every size
        case.add(vectors(3 + 40 * (step % 3), 10 + step))
        case.check(queries, 10)
    gone = np.unique(case.index.search(queries, 3).rows)
    case.remove(gone[gone >= 0])
    case.check(queries, 10)
    assert len(case.index) == len(case.held) - len(case.gone)
    mask = np.random.default_rng(4).random(len(case.held)) < 0.3
    case.check(queries, 10, mask, np.flatnonzero(mask))

    case.index.save(tmp_path / "saved")
    verify(tmp_path / "saved")
    case.index = SparseIndex(weighting, "exact").load(tmp_path / "saved")
    case.check(queries, 10)
    case.add(vectors(50, 30))
    case.check(queries, 10)
    case.index.save(tmp_path / "saved")
    assert len(SparseIndex(weighting, "exact").load(tmp_path / "saved")) == len(case.index)


@given(st.integers(0, 30), st.integers(0, 12), st.integers(0, 1000), st.booleans())
@settings(max_examples=60)
def test_signed_vectors_give_all_the_rows_there_are_in_the_order_of_their_scores(n, k, seed, filtered):
    case = Case("dot").build(vectors(n, seed, 0.1, signed=True))
    mask = np.random.default_rng(seed).random(n) < 0.5
    queries = vectors(3, seed + 1, 0.1, signed=True)
    case.check(queries, k, *((mask, np.flatnonzero(mask)) if filtered else ()))


@given(st.integers(0, 25), st.integers(0, 25), st.integers(0, 99))
@settings(max_examples=30)
def test_lists_hold_the_vectors_and_two_join_as_one(n, m, seed):
    one, two = vectors(n, seed, 0.1, signed=True), vectors(m, seed + 1, 0.02, dim=DIM)
    both = vstack([one, two]).tocsr()
    joined, whole = join(invert(one), invert(two)), invert(csr_array(both))
    for a, b in zip(joined, whole, strict=True):
        assert np.array_equal(a, b)
    assert (revert(joined, DIM) != both).nnz == 0


def test_odd_collections_give_all_the_hits_there_are(tmp_path):
    for weighting in ("dot", "idf", "bm25"):
        case = Case(weighting).build(vectors(0, 0))
        queries = vectors(2, 1)
        case.check(queries, 3)
        case.index.save(tmp_path / weighting)
        case.index = SparseIndex(weighting, "exact").load(tmp_path / weighting)
        case.add(vectors(3, 2))
        case.check(queries, 5)
        assert (case.index.search(queries, 5, np.zeros(3, bool)).rows == -1).all()
        assert case.index.search(queries[:0], 5).rows.shape == (0, 5)
        assert case.index.search(queries, 0).rows.shape == (2, 0)
        case.remove(np.arange(3))
        case.check(queries, 3)
        case.build(csr_array((5, DIM), dtype=np.float32)).check(queries, 3)
    # stored zeros are no entries, and rows that tie come in their order
    zeros = csr_array((np.float32([0, 1, 1, 0]), np.array([0, 1, 1, 2]), np.array([0, 2, 3, 4])), shape=(3, DIM))
    hits = SparseIndex("idf", "exact").build(zeros).search(csr_array(np.ones((1, DIM), np.float32)), 3)
    assert hits.rows.tolist() == [[0, 1, -1]]


def test_refuses_what_it_cannot_search():
    index = SparseIndex(backend="exact").build(vectors(20, 0))
    bad = vectors(2, 1)
    bad.data[0] = np.nan
    for wrong, sentence in (
        (vectors(2, 1, dim=7), "7 dimensions where 300"),
        (np.ones((2, DIM), np.float32), "must be sparse"),
        (bad, "NaN or infinity"),
    ):
        with pytest.raises(InputError, match=sentence):
            index.search(wrong, 3)
        with pytest.raises(InputError, match=sentence):
            index.add(wrong)
    with pytest.raises(InputError, match="mask has 7 entries"):
        index.search(vectors(2, 1), 3, np.ones(7, bool))
    with pytest.raises(InputError, match="takes counts"):
        SparseIndex("bm25").build(vectors(9, 0, signed=True))
    for argument in ("'tfidf'", "backend='gpu'", "k1=-1", "b=2", "n_postings=0", "query_cut='all'", "heap_factor=2"):
        with pytest.raises(PipelineError, match="needs"):
            cd.pipeline(f"sparse({argument})")
    with pytest.raises(PipelineError):
        cd.pipeline("static() >> sparse()")


def test_a_flipped_byte_or_other_arguments_are_noticed(tmp_path):
    SparseIndex("bm25", "exact").build(vectors(200, 0)).save(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        for at in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            with pytest.raises(InputError, match=r"rebuild the index|reads format|holds a saved"):
                SparseIndex("bm25", "exact").load(tmp_path)
        path.write_bytes(content)
    with pytest.raises(InputError, match="other parameters"):
        SparseIndex("bm25", "exact", k1=2).load(tmp_path)


def test_counts_of_words_give_the_scores_of_bm25_and_of_bm25s():
    import bm25s

    rng = np.random.default_rng(0)
    letters = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrt" if a + b + c not in STOP_WORDS]
    texts = [" ".join(rng.choice(letters, rng.integers(3, 40))) for _ in range(300)]
    queries = [" ".join(rng.choice(letters, 4, replace=False)) for _ in range(20)]
    words = BagOfWordsEncoder(stemmer=None)
    hits = SparseIndex("bm25").build(words.encode_documents(texts)).search(words.encode_queries(queries), 10)
    ours = BM25(stemmer=None).build(texts).search(queries, 10)
    assert np.allclose(hits.scores, ours.scores, rtol=1e-5) and np.array_equal(hits.rows >= 0, ours.rows >= 0)
    peer = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
    peer.index([text.split() for text in texts], show_progress=False)
    _, scores = peer.retrieve([query.split() for query in queries], k=10, show_progress=False)
    assert np.allclose(hits.scores, scores, rtol=1e-4)


def test_a_search_tells_how_many_rows_it_scored():
    index = SparseIndex(backend="exact").build(vectors(200, 0))
    with collect() as report:
        index.search(vectors(3, 1), 5)
    assert (report.queries, report.scored) == (3, 600)
    with collect() as report:
        index.search(vectors(3, 1), 5, np.array([3, 5]))
    assert report.scored == 6


def test_numba_is_asked_for_when_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "codomain.index.sparse._kernels", raising=False)
    monkeypatch.delattr("codomain.index.sparse._kernels", raising=False)
    with pytest.raises(MissingExtra, match=r"codomain\[engines\]"):
        SparseIndex().build(vectors(3, 0))


def test_no_stage_imports_compilers_before_it_is_built():
    code = (
        "import sys, codomain as cd; cd.pipeline('char_ngrams() >> sparse()'); cd.pipeline('bag_of_words() >> sparse(weighting=\"bm25\")');"
        "print([m for m in ('numba', 'seismic', 'scipy', 'torch') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


# --- Seismic ----------------------------------------------------------------------------------------------------


@needs_engines
@pytest.mark.parametrize("weighting", ["dot", "idf", "bm25"])
def test_seismic_finds_most_of_them_and_never_too_few(weighting, tmp_path, capfd):
    case = Case(weighting, "seismic", query_cut=40, heap_factor=0.6).build(vectors(1500, 0))
    queries = vectors(20, 1)
    assert case.index.approximate.n == 1500
    case.check(queries, 10, recall=0.9)
    case.check(queries, 2000, recall=0.9)
    for share in (0.6, 0.02):
        mask = np.random.default_rng(3).random(1500) < share
        case.check(queries, 10, mask, np.flatnonzero(mask), recall=0.9)
    case.add(vectors(300, 5))
    case.remove(np.unique(case.index.search(queries[:10], 5).rows.clip(0)))
    case.check(queries, 10, recall=0.9)

    case.index.save(tmp_path / "saved")
    case.index = SparseIndex(weighting, "seismic", query_cut=40, heap_factor=0.6).load(tmp_path / "saved")
    case.check(queries, 10, recall=0.9)
    case.index.save(tmp_path / "saved")  # over the file that it was read from
    case.add(vectors(1300, 6))  # twice as many as were built: indexed anew
    assert case.index.approximate.n == 3100
    case.check(queries, 10, recall=0.9)
    case.index.save(tmp_path / "again")
    path = tmp_path / "again" / "lists.seismic"
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="rebuild the index"):
            SparseIndex(weighting, "seismic").load(tmp_path / "again")
    assert capfd.readouterr() == ("", "")  # the library prints while it builds


@needs_engines
def test_seismic_takes_more_dimensions_than_two_bytes_count():
    rng = np.random.default_rng(0)
    rows = csr_array(
        (rng.random(66_000, np.float32), rng.permutation(66_000), np.arange(0, 66_001, 220)), shape=(300, 66_000)
    )  # every dimension occurs once
    rows.sort_indices()
    index = SparseIndex("dot", "seismic", query_cut=60, heap_factor=0.0).build(rows)
    hits = index.search(rows[:20], 1)
    assert (hits.rows[:, 0] == np.arange(20)).mean() >= 0.9
    assert index.approximate.nbytes + 8 * rows.nnz <= index.nbytes


@needs_engines
def test_seismic_is_given_the_dimensions_that_occur(tmp_path):
    few, asked = vectors(500, 0), vectors(20, 1)
    spread = np.sort(np.random.default_rng(1).choice(1 << 20, DIM, replace=False))

    def apart(rows: csr_array) -> csr_array:
        return csr_array((rows.data, spread[rows.indices], rows.indptr), shape=(rows.shape[0], 1 << 20))

    arguments = {"backend": "seismic", "query_cut": 40, "heap_factor": 0.6}
    index, same = SparseIndex(**arguments).build(apart(few)), SparseIndex(**arguments).build(few)
    expected = same.search(asked, 10)
    assert np.array_equal(index.search(apart(asked), 10).rows, expected.rows)
    absent = csr_array((np.ones(1, np.float32), spread[:1] + 1, [0, 1]), shape=(1, 1 << 20))
    assert (index.search(absent, 3).scores == 0).all()
    index.save(tmp_path)
    assert np.array_equal(SparseIndex(**arguments).load(tmp_path).search(apart(asked), 10).rows, expected.rows)
    arrays, made = open_arrays(tmp_path, "sparse")
    (tmp_path / "lists.seismic.new").write_bytes((tmp_path / "lists.seismic").read_bytes())
    save_arrays(tmp_path, "sparse", arrays | {"seismic_dims": arrays["seismic_dims"][::-1]}, made, ("lists.seismic",))
    with pytest.raises(InputError, match="rebuild the index"):
        SparseIndex(**arguments).load(tmp_path)


@needs_engines
def test_words_of_the_default_dimension_are_indexed_by_seismic():
    texts = [f"word{i} word{i % 7} common" for i in range(200)]
    found = (
        cd.Retriever("bag_of_words() >> sparse(backend='seismic')").index(texts).search(["word42 missing", "absent"], 1)
    )
    assert found.rows[0, 0] == 42


@needs_engines
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_no_folder(number, tmp_path):
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # which a shell's background jobs ignore
        "import numpy as np, codomain.index.sparse.seismic as s\nfrom scipy.sparse import csr_array\n"
        "s._BUILD = 'import time; time.sleep(60)'\nfrom codomain.index.sparse import SparseIndex\n"
        "SparseIndex(backend='seismic').build(csr_array(np.eye(3, dtype=np.float32)))\n"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    running = subprocess.Popen([sys.executable, "-c", code], env=env, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not list(tmp_path.glob("codomain-seismic-*/vectors.bin")) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    assert list(tmp_path.iterdir())
    running.send_signal(number)
    assert running.wait(20) != 0
    assert not list(tmp_path.glob("codomain-seismic-*"))


@needs_engines
def test_a_replaced_index_closes_its_file():
    index = SparseIndex(backend="seismic").build(vectors(50, 0))
    file = index.approximate._file
    index.build(vectors(60, 1))
    assert file.closed and not index.approximate._file.closed


@needs_engines
def test_signs_are_refused_by_seismic_and_kept_exact_by_auto(monkeypatch):
    monkeypatch.setattr("codomain.index.sparse.sparse._WORK", 1)
    signed = vectors(200, 0, signed=True)
    with pytest.raises(InputError, match="negative values"):
        SparseIndex("dot", "seismic").build(signed)
    assert SparseIndex().build(signed).approximate is None
    near = SparseIndex(query_cut=40).build(vectors(200, 0))
    assert near.approximate is not None
    with pytest.raises(InputError, match="negative values"):
        near.add(signed)
    # a query with signs is answered exactly
    asked = vectors(5, 3, signed=True)
    assert np.array_equal(near.search(asked, 9).rows, near.search_exactly(asked, 9).rows)


def test_auto_stays_exact_while_that_takes_milliseconds():
    assert SparseIndex().build(vectors(500, 0)).approximate is None


@needs_engines
def test_tuning_leaves_the_fastest_setting_that_reaches_the_recall():
    index = SparseIndex("dot", "seismic").build(vectors(1500, 0))
    held_out = vectors(40, 7)
    trials = index.tune(held_out, 10, 0.95)
    chosen = next(t for t in trials if (t.query_cut, t.heap_factor) == (index.query_cut, index.heap_factor))
    assert chosen.recall >= 0.95 and all(t.recall < 0.95 for t in trials if t.ms < chosen.ms)
    assert f"query_cut={chosen.query_cut}" in str(index)
    exact = index.search_exactly(held_out, 10).scores[:, -1:]
    assert (index.search(held_out, 10).scores >= exact - 1e-4).mean() >= 0.95
    with pytest.raises(InputError, match="nothing to tune"):
        SparseIndex(backend="exact").build(vectors(9, 0)).tune(held_out)


def test_suggestions_grow_with_the_lists_and_keep_to_the_budget():
    sizes = [10_000, 100_000, 1_000_000, 8_800_000, 138_000_000]
    found = [suggest(n, 30_522, 120) for n in sizes]
    postings, shares = [s.n_postings for s in found], [s.cut_share for s in found]
    assert postings == sorted(postings) and shares == sorted(shares, reverse=True)
    # what the authors of the paper use at that size
    assert 30_000 <= found[-1].n_postings <= 50_000 and 4 <= found[-1].query_cut(40) <= 6
    assert suggest(8_800_000, 30_522, 120, target_recall=0.99).cut_share > found[3].cut_share
    budget = found[3].bytes * 3 // 4
    assert suggest(8_800_000, 30_522, 120, budget).bytes <= budget
    with pytest.raises(InputError, match="more than the budget"):
        suggest(8_800_000, 30_522, 120, 1_000_000)
    with pytest.raises(InputError, match="whole number"):
        suggest(0, 30_522, 120)


# --- in pipelines -----------------------------------------------------------------------------------------------


def test_pipelines_find_by_endings_and_by_words():
    texts = ["red foxes run", "blue whales swim", "the fox den", "licence renewal 2024"]
    found = {
        expression: cd.Retriever(expression).index(texts).search(["foxes", "renew a licence"], 2).rows.tolist()
        for expression in (
            "char_ngrams() >> sparse(weighting='idf')",
            "bag_of_words() >> sparse(weighting='bm25')",
            "char_ngrams()",
        )
    }
    assert [row[0] for row in found["char_ngrams() >> sparse(weighting='idf')"]] == [0, 3]
    assert found["bag_of_words() >> sparse(weighting='bm25')"] == [[2, 0], [3, -1]]
    assert [row[0] for row in found["char_ngrams()"]] == [0, 3]
    assert CharNGramEncoder().output_dim(None) == 32768


COLLECTIONS = [
    "char_ngrams() >> sparse(weighting='idf')",
    "bag_of_words() >> sparse(weighting='bm25')",
    "fuse(static() >> auto(), char_ngrams() >> sparse())",
    "char_ngrams(512) >> sparse(backend='seismic', query_cut=200, heap_factor=0.5)",
]


@pytest.mark.parametrize("expression", COLLECTIONS)
def test_collections_add_delete_filter_reindex_and_open_again(expression, tmp_path, texts):
    items = [{"id": f"d{i}", "text": text, "metadata": {"n": i}} for i, text in enumerate(texts)]
    with cd.create(tmp_path / "c", expression) as c:
        c.add(items[:120])
        c.reindex()
        c.add(items[120:])
        c.delete(["d3", "d150"])
        kept = [i for i in range(200) if i not in (3, 150)]
        for moment in range(2):
            found = c.search_many([texts[i] for i in kept[::20]], k=1)
            assert [hits[0].id for hits in found] == [f"d{i}" for i in kept[::20]], moment
            some = c.search(texts[50], k=5, where="n >= 100 and n < 140")
            assert len(some) == 5 and all(100 <= int(hit.id[1:]) < 140 for hit in some)
            assert not any(hit.id == "d150" for hit in c.search(texts[150], k=50))
            before = [(hit.id, round(hit.score, 4)) for hit in c.search(texts[7], k=9)]
            c.reindex()
        assert c.verify() == []
    with cd.open(tmp_path / "c") as c:
        assert [(hit.id, round(hit.score, 4)) for hit in c.search(texts[7], k=9)] == before
        c.add([{"id": "new", "text": "an entirely novel zeppelin"}])
        assert c.search("zeppelins", k=1)[0].id == "new"


@needs_engines
def test_a_build_leaves_the_signals_as_they_were():
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        SparseIndex(backend="seismic").build(vectors(50, 0))
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_rows_are_written_in_the_librarys_format_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr("codomain.index.sparse.seismic._ROWS", 3)
    some = vectors(8, 0)
    _write(some, tmp_path / "vectors.bin")
    slow = struct.pack("<I", 8)
    for row in range(8):
        own = slice(some.indptr[row], some.indptr[row + 1])
        n = own.stop - own.start
        slow += struct.pack(f"<I{n}I{n}f", n, *some.indices[own].tolist(), *some.data[own].tolist())
    assert (tmp_path / "vectors.bin").read_bytes() == slow


@needs_engines
def test_seismic_is_built_again_only_when_the_rows_have_doubled():
    index = SparseIndex(backend="seismic").build(vectors(100, 0))
    index.add(vectors(99, 1))
    assert index.approximate.n == 100
    index.add(vectors(1, 2))
    assert index.approximate.n == 200


@needs_engines
def test_a_filter_that_lets_only_newer_rows_pass_finds_them():
    index = SparseIndex(backend="seismic").build(vectors(100, 0))
    index.add(vectors(50, 1))
    allow = np.arange(150) >= 100
    asked = vectors(5, 3)
    found, exact = index.search(asked, 9, allow), index.search_exactly(asked, 9, allow)
    assert index.approximate.n == 100 and np.array_equal(found.rows, exact.rows) and (found.rows[:, 0] >= 100).all()


def test_the_first_row_with_a_negative_count_is_named():
    counts = csr_array(np.array([[1, 0], [1, 2], [0, -1], [3, 1]], np.float32))
    with pytest.raises(InputError, match="row 2 has a negative value"):
        SparseIndex("bm25", "exact").build(counts)


@needs_engines
def test_a_trials_milliseconds_are_those_of_a_query(monkeypatch):
    index = SparseIndex("dot", "seismic").build(vectors(300, 0))
    seconds = itertools.count()
    monkeypatch.setattr("codomain.index.sparse.tuning.time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    assert {trial.ms for trial in index.tune(vectors(40, 7), 10, 0.95)} == {1000 / 40}  # a second for forty queries
