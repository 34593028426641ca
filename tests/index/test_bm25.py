"""BM25 against a slow version of its formula and against bm25s; analysis; what changes, filters and files do to it."""

import subprocess
import sys
from collections import Counter
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codomain.index.bm25 as module
from codomain.analyzer import Analyzer
from codomain.errors import InputError, PipelineError
from codomain.index.bm25 import BM25
from codomain.trace import collect

WORDS = [
    "lift",
    "drag",
    "wing",
    "flow",
    "heat",
    "shock",
    "layer",
    "plate",
    "cone",
    "mach",
    "jet",
    "nose",
    "vortex",
    "blade",
    "rotor",
    "stall",
]


def texts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(0, 12), p=np.arange(16, 0, -1) / 136)) for _ in range(n)]


def slow(documents, query, alive=None, k1=1.2, b=0.75):
    """The formula, term by term: Lucene's BM25."""
    tokens = [Counter(Analyzer().terms(d)) for d in documents]
    alive = range(len(documents)) if alive is None else alive
    average = sum(sum(tokens[i].values()) for i in alive) / len(alive)
    scores = np.zeros(len(documents))
    for term in Analyzer().terms(query):
        df = sum(term in tokens[i] for i in alive)
        for i in alive:
            tf, length = tokens[i][term], sum(tokens[i].values())
            idf = log(1 + (len(alive) - df + 0.5) / (df + 0.5))
            scores[i] += idf * tf / (tf + k1 * (1 - b + b * length / average))
    return scores


def check(index, documents, alive=None):
    for query in ["lift", "shock wing wing nose", "stall and rotors", "absent"]:
        expected = slow(documents, query, alive)
        hits = index.search([query], 1000)
        found = hits.rows[0][hits.rows[0] >= 0]
        assert sorted(found.tolist()) == np.flatnonzero(expected).tolist()
        assert np.allclose(hits.scores[0, : len(found)], expected[found], atol=1e-5)
        assert (np.diff(expected[found]) <= 1e-6).all()


def test_scores_are_those_of_the_formula():
    documents = texts(300)
    check(BM25().build(documents), documents)


def test_scores_are_those_of_bm25s():
    bm25s = pytest.importorskip("bm25s")
    # without empty texts, which bm25s cannot index
    documents, queries = [t for t in texts(500) if t], texts(40, seed=1)
    terms = Analyzer().terms
    peer = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    peer.index([terms(d) for d in documents], show_progress=False)
    index = BM25().build(documents)
    for query in filter(None, queries):
        mine = np.zeros(len(documents), np.float32)
        hits = index.search([query], len(documents))
        mine[hits.rows[0][hits.rows[0] >= 0]] = hits.scores[0][hits.rows[0] >= 0]
        assert np.allclose(mine, peer.get_scores(terms(query)), atol=1e-4)


def test_rows_added_in_pieces_score_as_if_built_at_once(monkeypatch):
    documents = texts(400)
    index = BM25().build(documents[:100])
    for start in range(100, 400, 7):
        index.add(documents[start : start + 7])
    assert len(index) == 400 and len(index._segments) < 9
    check(index, documents)
    monkeypatch.setattr(module, "_TEXTS", 32)
    check(BM25().build(documents), documents)


def test_removed_rows_leave_no_trace_in_the_scores(tmp_path):
    documents = texts(200)
    index = BM25().build(documents)
    index.search(["lift"], 1)
    index.remove(np.arange(0, 200, 3))
    alive = [i for i in range(200) if i % 3]
    assert len(index) == len(alive)
    check(index, documents, alive)
    index.save(tmp_path)
    check(BM25().load(tmp_path), documents, alive)


def test_a_filter_leaves_the_scores_and_the_order_alone():
    index = BM25().build(texts(300))
    everything = index.search(["lift shock"], 300)
    mask = np.random.default_rng(0).random(300) < 0.2
    filtered = index.search(["lift shock"], 300, mask)
    wanted = [r for r in everything.rows[0] if r >= 0 and mask[r]]
    assert filtered.rows[0][: len(wanted)].tolist() == wanted
    assert (filtered.rows[0][len(wanted) :] == -1).all()
    assert np.array_equal(filtered.rows, index.search(["lift shock"], 300, np.flatnonzero(mask)).rows)


def test_saved_index_can_grow(tmp_path):
    documents = texts(300)
    BM25().build(documents[:200]).save(tmp_path)
    index = BM25().load(tmp_path)
    index.add(documents[200:])
    index.save(tmp_path)
    check(BM25().load(tmp_path), documents)


def test_damaged_or_foreign_files_are_told_by_a_sentence(tmp_path):
    BM25().build(texts(50)).save(tmp_path)
    with pytest.raises(InputError, match="stemmer"):
        BM25(stemmer=None).load(tmp_path)
    path = tmp_path / "rows_0.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="rebuild"):
        BM25().load(tmp_path)


def test_nothing_to_find():
    index = BM25().build([])
    assert (index.search(["lift"], 3).rows == -1).all()
    index.add(["", "the and of", "!!!"])
    assert (index.search(["lift", "", "the"], 3).rows == -1).all() and len(index) == 3
    index.add(["lift"])
    assert index.search(["Lifts"], 3).rows.tolist() == [[3, -1, -1]]
    assert index.search(["lift"], 0).rows.shape == (1, 0) and index.search([], 3).rows.shape == (0, 3)


def test_explanation_adds_up_to_the_score():
    index = BM25().build(texts(100))
    hits = index.search(["lift shock lift absent"], 1)
    parts = index.explain("lift shock lift absent", int(hits.rows[0, 0]))
    assert sum(parts.values()) == pytest.approx(hits.scores[0, 0], rel=1e-5) and set(parts) <= {"lift", "shock"}
    with pytest.raises(InputError, match="no row 100"):
        index.explain("lift", 100)


@given(st.text())
@settings(max_examples=200)
def test_spans_are_the_terms_and_lie_on_their_words(text):
    analyzer = Analyzer()
    spans = analyzer.spans(text)
    assert [term for term, _, _ in spans] == analyzer.terms(text)
    assert all(term in analyzer.terms(text[start:end]) for term, start, end in spans)


def test_words_of_every_script_can_be_found():
    index = BM25().build(["Die Straße von Łódź", "東京タワー", "код ошибки E1042", "x86_64 build"])
    for query, row in [("łódź", 0), ("STRASSE straße", 0), ("東京", 1), ("e1042", 2), ("64", 3)]:
        assert index.search([query], 1).rows[0, 0] == row, query


def test_wrong_parameters_are_refused():
    from codomain import pipeline

    for text in ("bm25(b=2)", "bm25(k1=-1)", "bm25(stemmer='klingon')"):
        with pytest.raises(PipelineError, match="needs"):
            pipeline(text)


def test_searching_imports_nothing_heavy(tmp_path):
    BM25().build(texts(50)).save(tmp_path / "words")
    from codomain.index.flat import Flat
    from codomain.transform import Int8

    vectors = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    quantizer = Int8().fit(vectors)
    Flat().build(quantizer.encode(vectors), quantizer.codec).save(tmp_path / "codes")
    script = f"""
import sys, numpy as np
from codomain.index.auto import Auto
from codomain.index.bm25 import BM25
import codomain.transform
BM25().load({str(tmp_path / "words")!r}).search(["lift"], 3)
Auto().load({str(tmp_path / "codes")!r}).search(np.ones((1, 8), np.float32), 3)
print([m for m in ("faiss", "torch", "sklearn", "numba", "pandas", "scipy") if m in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_an_index_without_rows_is_empty_and_takes_the_first_ones():
    index = BM25()
    assert len(index) == 0 and index.search(["wing"], 3).rows.tolist() == [[-1, -1, -1]]
    index.add(["a wing", "a cone"])
    assert len(index) == 2 and index.search(["wing"], 1).rows.tolist() == [[0]]


def test_a_search_reports_how_many_rows_the_filter_lets_pass():
    index = BM25().build(["wing", "drag", "wing drag", "cone", "jet"])
    with collect() as report:
        index.search(["wing", "jet"], 2, np.array([True, False, True, True, False]))
    (plan,) = report.plans
    assert (plan.choice, plan.matches, plan.rows) == ("posting lists", 3, 5) and report.queries == 2
