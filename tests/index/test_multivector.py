"""Late interaction: scores against the definition, candidates against the exact answer, and what every index promises."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain import pipeline
from codomain.arrays import Ragged
from codomain.errors import InputError, PipelineError
from codomain.index import verify
from codomain.index.multi import FDE, MultiVector, candidate_recall, maxsim
from codomain.index.multi.candidate_selection import DEPTHS, choose
from codomain.registry import stage_class
from codomain.trace import collect

DIM = 24


def lists(n: int, seed: int, least: int = 0, most: int = 12) -> Ragged:
    """Documents as texts are: each of two topics, each vector near its topic or one of fifty words."""
    words = np.random.default_rng(99).standard_normal((50, DIM))
    rng = np.random.default_rng(seed)
    lengths = rng.integers(least, most + 1, n)
    topics = words[rng.integers(50, size=n)].repeat(lengths, axis=0)
    values = words[rng.integers(50, size=lengths.sum())] + topics + 0.3 * rng.standard_normal((lengths.sum(), DIM))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return Ragged(values.astype(np.float32), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def slow(queries: Ragged, documents: Ragged, anchor: float = 0.0) -> np.ndarray:
    """The definition, vector by vector, in float64."""
    scores = np.zeros((len(queries.lengths), len(documents.lengths)))
    for i, j in np.ndindex(*scores.shape):
        q = queries.take(np.array([i])).values.astype(float)
        d = documents.take(np.array([j])).values.astype(float)
        if len(q) and len(d):
            scores[i, j] = sum(max(float(a @ b) for b in d) for a in q)
            mean_q, mean_d = q.mean(axis=0), d.mean(axis=0)
            cosine = mean_q @ mean_d / np.linalg.norm(mean_q) / np.linalg.norm(mean_d)
            scores[i, j] += anchor * len(q) * cosine
    return scores


DOCUMENTS, MORE, QUERIES = lists(400, 0), lists(60, 1), lists(6, 2, most=6)
SLOW = slow(QUERIES, Ragged.join([DOCUMENTS, MORE]))


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 4), max_size=5),
    st.lists(st.integers(0, 4), max_size=7),
    st.sampled_from([0.0, 0.5]),
    st.integers(0, 99),
)
def test_scores_are_those_of_the_definition(asked, held, anchor, seed):
    rng = np.random.default_rng(seed)

    def of(lengths):
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Ragged(rng.standard_normal((offsets[-1], 5)).astype(np.float32), offsets)

    queries, documents = of(asked), of(held)
    found = maxsim(queries, documents, anchor)
    assert found.shape == (len(asked), len(held))
    np.testing.assert_allclose(found, slow(queries, documents, anchor), atol=1e-4)


CONFIGURATIONS = {
    "auto": {},
    "exact": {"candidates": "exact", "dtype": "float32"},
    "pooled": {"candidates": "pooled", "n_candidates": 60},
    "disk": {"candidates": "pooled", "n_candidates": 60, "store": "disk"},
    "ivf": {"candidates": "pooled", "n_candidates": 60, "store": "disk", "ann": pipeline("ivf(nlist=8, nprobe=6)").stages[0]},
    "fde": {"candidates": "fde", "n_candidates": 60, "fde": (4, 16, 8)},
    "measured": {"candidates": "pooled", "dtype": "float32"},
}  # fmt: skip


def check(index, allow=None, allowed=None, k=10):
    hits = index.search(QUERIES, k, allow)
    rows = np.arange(SLOW.shape[1])[: index.rows] if allowed is None else np.asarray(allowed, np.int64)
    n = min(k, len(rows))
    assert hits.rows.shape == hits.scores.shape == (6, k)
    assert (hits.rows[:, :n] >= 0).all() and (hits.rows[:, n:] == -1).all() and (hits.scores[:, n:] == -np.inf).all()
    assert np.isin(hits.rows[:, :n], rows).all()
    assert all(len(set(row)) == n for row in hits.rows[:, :n].tolist())
    assert (np.diff(hits.scores[:, :n]) <= 0).all()
    np.testing.assert_allclose(hits.scores[:, :n], np.take_along_axis(SLOW, hits.rows[:, :n], 1), atol=5e-3)
    best = -np.sort(-SLOW[:, rows], axis=1)[:, :n]
    if n:
        assert (hits.scores[:, :n] >= best[:, -1:] - 5e-3).mean() >= (
            0.8 if index.candidates == "fde" or index.n_candidates == "auto" else 0.9
        )
    return hits


class Indexed(MultiVector):
    """One that knows how many rows it was given."""

    @property
    def rows(self):
        return len(self._lists)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_finds_what_the_definition_finds_and_keeps_doing_so_as_it_changes(name, tmp_path):
    options = CONFIGURATIONS[name]
    index = Indexed(**options).build(DOCUMENTS)
    check(index)
    for share in (0.5, 0.1, 0.01):
        mask = np.random.default_rng(3).random(400) < share
        check(index, mask, np.flatnonzero(mask))
        check(index, np.flatnonzero(mask)[::-1], np.flatnonzero(mask))
    assert check(index, np.zeros(400, bool), []).rows.max() == -1

    index.add(MORE)
    check(index)
    gone = np.unique(index.search(QUERIES, 3).rows)
    index.remove(gone)
    kept = np.setdiff1d(np.arange(460), gone)
    assert len(index) == len(kept)
    before = check(index, None, kept)

    index.save(tmp_path / "saved")
    after_saving = index.search(QUERIES, 10)
    opened = Indexed(**options).load(tmp_path / "saved")
    verify(tmp_path / "saved")
    after = opened.search(QUERIES, 10)
    for again in (after_saving, after):
        assert np.array_equal(before.rows, again.rows) and np.array_equal(before.scores, again.scores)
    if name in ("disk", "ivf"):
        assert opened.nbytes < index.rows * DIM * 2 + 60_000  # offsets and pooled vectors only

    late = lists(5, 7, least=1)
    opened.add(late)
    hits = opened.search(late, 1)  # a document finds itself, wherever it is stored
    assert hits.rows[:, 0].tolist() == [460, 461, 462, 463, 464]
    opened.save(tmp_path / "saved")
    again = Indexed(**options).load(tmp_path / "saved")
    assert again.search(late, 1).rows.tolist() == hits.rows.tolist() and len(again) == len(opened)
    check(again, np.arange(460), kept)


def test_odd_collections_give_all_the_hits_there_are(tmp_path):
    empty = DOCUMENTS.take(np.zeros(0, np.int64))
    for options in CONFIGURATIONS.values():
        index = MultiVector(**options).build(empty)
        assert len(index) == 0 and (index.search(QUERIES, 3).rows == -1).all()
        index.save(tmp_path / "empty")
        index = MultiVector(**options).load(tmp_path / "empty")
        index.add(DOCUMENTS.take(np.arange(3)))
        assert (np.sort(index.search(QUERIES, 5).rows)[:, 2:] == [0, 1, 2]).all()
        assert index.search(QUERIES, 0).rows.shape == (6, 0)
        assert index.search(QUERIES.take(np.zeros(0, np.int64)), 2).rows.shape == (0, 2)
        wordless = Ragged(np.zeros((0, DIM), np.float32), np.zeros(101, np.int64))
        assert index.build(wordless).search(QUERIES, 3).rows.tolist() == [[0, 1, 2]] * 6
        index.remove(np.arange(100))
        assert (index.search(QUERIES, 3).rows == -1).all()


def test_ties_go_to_the_lower_row():
    same = Ragged(np.full((300, DIM), 0.25, np.float32), np.arange(301))
    for options in CONFIGURATIONS.values():
        assert (
            MultiVector(**options).build(same).search(same.take(np.arange(2)), 300).rows[:, :3].tolist()
            == [[0, 1, 2]] * 2
        )


def test_any_numbers_can_be_stored_and_halves_can_ask():
    large = Ragged(DOCUMENTS.values * 1e6, DOCUMENTS.offsets)
    assert np.isfinite(MultiVector().build(large).search(QUERIES, 3).scores).all()
    halves = Ragged(QUERIES.values.astype(np.float16), QUERIES.offsets)
    index = MultiVector(dtype="float32").build(DOCUMENTS)
    found, expected = index.search(halves, 5), index.search(QUERIES, 5)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-2)
    assert np.array_equal(
        found.scores, index.search(Ragged(halves.values.astype(np.float32), halves.offsets), 5).scores
    )


def test_the_anchor_adds_the_cosine_of_the_pooled_vectors():
    hits = MultiVector(anchor=0.7, dtype="float32").build(DOCUMENTS).search(QUERIES, 5)
    expected = slow(QUERIES, DOCUMENTS, anchor=0.7)
    np.testing.assert_allclose(hits.scores, -np.sort(-expected)[:, :5], atol=1e-4)


def test_a_partial_rerank_puts_the_others_below_in_the_order_of_the_candidates():
    index = MultiVector("pooled", n_candidates=100, rerank=4, dtype="float32").build(DOCUMENTS)
    with collect() as report:
        hits = index.search(QUERIES, 12)
    assert report.fetched == 6 * 4
    found = index.candidates_of(QUERIES, 100).rows
    assert all(set(a[:4]) == set(b[:4]) for a, b in zip(hits.rows.tolist(), found.tolist(), strict=True))
    assert np.array_equal(hits.rows[:, 4:], found[:, 4:12])
    np.testing.assert_allclose(hits.scores[:, :4], np.take_along_axis(SLOW, hits.rows[:, :4], 1), atol=1e-4)
    assert (np.diff(hits.scores) <= 0).all()


class Source:
    """What an index asks for that keeps no vectors."""

    def encode(self, rows):
        return DOCUMENTS.take(rows)


def test_vectors_that_are_not_kept_are_made_anew(tmp_path):
    index = MultiVector("pooled", n_candidates=60, store="recompute").build(DOCUMENTS)
    assert not index.keeps_vectors and MultiVector().keeps_vectors
    with pytest.raises(InputError, match="attach"):
        index.search(QUERIES, 3)
    index.attach(Source())
    expected = MultiVector("pooled", n_candidates=60, dtype="float32").build(DOCUMENTS).search(QUERIES, 10)
    with collect() as report:
        hits = index.search(QUERIES, 10)
    assert 0 < report.recomputed <= 6 * 60
    assert np.array_equal(hits.rows, expected.rows) and np.allclose(hits.scores, expected.scores)
    index.save(tmp_path)
    assert not (tmp_path / "values.npy").exists()
    opened = MultiVector("pooled", n_candidates=60, store="recompute").load(tmp_path)
    opened.attach(Source())
    assert np.array_equal(opened.search(QUERIES, 10).rows, expected.rows)


def test_what_is_read_from_disk_is_begun_early(tmp_path):
    options = {"candidates": "pooled", "n_candidates": 50, "store": "disk"}
    documents = lists(400, 4, least=1)
    for ann, least in ((None, 5 / 6), (pipeline("ivf(nlist=8, nprobe=8)").stages[0], 0.4)):
        MultiVector(**options, ann=ann).build(documents).save(tmp_path)
        index = MultiVector(**options, ann=ann, ahead=0.5).load(tmp_path)
        with collect() as report:
            index.search(QUERIES, 10)
        early, late = index.prefetched
        assert early + late == report.fetched == 6 * 50
        assert early >= least * 300
        assert report.bytes_read > 0 and report.queries == 6 and report.scored >= 300


def test_auto_measures_what_it_chooses(monkeypatch):
    documents = lists(3000, 5, least=3)
    queries = lists(40, 6, least=4, most=8)
    monkeypatch.setattr("codomain.index.multi.multivector._EXACT", 0)
    index = MultiVector().build(documents)
    assert index.choice is not None and 16 <= index.choice.n_candidates <= 1024 and index.choice.recall >= 0.8
    exact, found = index.search_exactly(queries, 10).rows, index.candidates_of(queries, 200).rows
    by_hand = {
        n: np.mean([len({*a} & {*b[:n]}) / 10 for a, b in zip(exact.tolist(), found.tolist(), strict=True)])
        for n in (20, 200)
    }
    assert candidate_recall(index, queries, depths=(20, 200)) == pytest.approx(by_hand)
    chosen = index.choose(queries)
    assert candidate_recall(index, queries, (chosen.n_candidates,))[chosen.n_candidates] == pytest.approx(
        chosen.recall, abs=0.02
    )
    assert chosen.recall >= 0.8
    assert MultiVector().build(documents).choice == MultiVector().build(documents).choice


def test_auto_stops_scoring_everything_when_that_becomes_slow(monkeypatch):
    monkeypatch.setattr("codomain.index.multi.multivector._EXACT", 401 * 12 * DIM)
    index = MultiVector().build(DOCUMENTS)
    assert index.choice is None
    index.add(lists(2000, 8))
    assert index.choice is not None
    assert len(index) == 2400 and index.search(QUERIES, 10).rows.min() >= 0


def test_refuses_what_it_cannot_search(tmp_path):
    index = MultiVector().build(DOCUMENTS)
    dense = np.ones((3, DIM), np.float32)
    for wrong, match in (
        (dense, "must be Ragged"), (Ragged(dense[:, :5], np.arange(4)), "24 are needed"), (Ragged(dense, np.array([0, 9])), "offsets"),
        (Ragged(dense * np.nan, np.arange(4)), "NaN"),
    ):  # fmt: skip
        for method in (index.add, lambda queries: index.search(queries, 3)):
            with pytest.raises(InputError, match=match):
                method(wrong)
    with pytest.raises(InputError, match="must be Ragged"):
        MultiVector().build(dense)
    with pytest.raises(InputError, match="mask has 7 entries"):
        index.search(QUERIES, 3, np.ones(7, bool))
    for wrong in (
        "candidates='plaid'", "n_candidates=0", "rerank=0", "store='tape'", "dtype='int8'", "anchor=-1", "fde=5", "fde=(5, 0, 1)",
        "fde=(40, 16, 20)", "ahead=2", "ann=bm25()", "seed=-1",
    ):  # fmt: skip
        with pytest.raises(PipelineError, match="multivector"):
            pipeline(f"multivector({wrong})")
    index.save(tmp_path)
    with pytest.raises(InputError, match="another store"):
        MultiVector(store="disk").load(tmp_path)
    with pytest.raises(InputError, match="another dtype"):
        MultiVector(dtype="float32").load(tmp_path)


@pytest.mark.parametrize("name", ["fde", "disk"])
def test_a_flipped_byte_in_any_file_is_noticed(name, tmp_path):
    options = CONFIGURATIONS[name]
    MultiVector(**options).build(DOCUMENTS).save(tmp_path)
    MultiVector(**options).load(tmp_path)
    for path in [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]:
        content = path.read_bytes()
        for at in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            with pytest.raises(InputError, match=r"rebuild the index|reads format|holds a saved"):
                MultiVector(**options).load(tmp_path)
        path.write_bytes(content)


def test_candidates_made_by_another_encoding_are_refused(tmp_path, monkeypatch):
    options = CONFIGURATIONS["fde"]
    MultiVector(**options, seed=1).build(DOCUMENTS).save(tmp_path)
    assert json.loads((tmp_path / "meta.json").read_text())["settings"]["fingerprint"]
    monkeypatch.setattr(FDE, "restore", lambda self, state: self)  # drawn with seed 0, not what was saved
    with pytest.raises(InputError, match="another encoding"):
        MultiVector(**options).load(tmp_path)


# --- fixed dimensional encodings -----------------------------------------------------------------------------------


def test_without_cells_an_encoding_is_sum_and_mean():
    fde = FDE(DIM, k_sim=0, d_proj=DIM, repetitions=1).fit(DOCUMENTS)
    products = fde.queries(QUERIES) @ fde.documents(DOCUMENTS).T
    for i, j in itertools.product(range(6), range(0, 400, 37)):
        q, d = QUERIES.take(np.array([i])).values, DOCUMENTS.take(np.array([j])).values
        assert products[i, j] == pytest.approx(float(q.sum(0) @ d.mean(0)) if len(d) else 0.0, abs=1e-5)


def slow_fde(fde: FDE, vectors: Ragged, documents: bool) -> np.ndarray:
    """The definition, vector by vector."""
    arrays, cells = fde.state(), 1 << fde.k_sim
    rows = []
    for i in range(len(vectors.lengths)):
        own = vectors.take(np.array([i])).values
        row = []
        for r in range(fde.repetitions):
            bits = (own @ arrays["planes"][r] > 0).astype(int)
            projected = own @ arrays["projections"][r]
            for cell in range(cells):
                wanted = np.array([cell >> b & 1 for b in range(fde.k_sim)])
                inside = [p for b, p in zip(bits, projected, strict=True) if (b == wanted).all()]
                if inside:
                    row.append(np.mean(inside, axis=0) if documents else np.sum(inside, axis=0))
                elif documents and fde.fill and len(own):
                    row.append(projected[np.argmin((bits != wanted).sum(axis=1))])
                else:
                    row.append(np.zeros(projected.shape[1]))
        rows.append(np.concatenate(row))
    flat = np.array(rows)
    if fde.d_final is None:
        return flat
    out = np.zeros((len(flat), fde.d_final))
    for i, (bucket, sign) in enumerate(zip(arrays["buckets"], arrays["signs"], strict=True)):
        out[:, bucket] += sign * flat[:, i]
    return out


@pytest.mark.parametrize(("fill", "d_final"), [(True, None), (False, None), (True, 37)])
def test_encodings_are_those_of_the_definition(fill, d_final):
    fde = FDE(DIM, k_sim=3, d_proj=5, repetitions=2, d_final=d_final, fill=fill).fit(DOCUMENTS)
    few = DOCUMENTS.take(np.arange(40))
    assert 0 in few.lengths
    np.testing.assert_allclose(fde.documents(few), slow_fde(fde, few, documents=True), atol=1e-5)
    np.testing.assert_allclose(fde.queries(QUERIES), slow_fde(fde, QUERIES, documents=False), atol=1e-5)


def test_filled_encodings_never_overestimate_and_more_cells_come_closer():
    documents = lists(60, 11, least=3)
    truth = slow(QUERIES, documents)
    gaps = []
    for k_sim in (2, 4, 6, 8):
        fde = FDE(DIM, k_sim, DIM, repetitions=8, fill=True).fit(documents)
        estimate = fde.queries(QUERIES) @ fde.documents(documents).T / 8
        assert (estimate <= truth + 1e-4).all()
        gaps.append(float((truth - estimate).mean()))
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] < 0.8 * gaps[0]


@pytest.mark.parametrize("option", [{"d_proj": 4}, {"d_proj": DIM, "d_final": 60}])
def test_projection_and_sketch_are_right_on_average(option):
    documents = lists(20, 12, least=3)
    whole = FDE(DIM, 0, DIM, 1).fit(documents)
    truth = whole.queries(QUERIES) @ whole.documents(documents).T
    drawn = []
    for seed in range(200):
        fde = FDE(DIM, 0, repetitions=1, seed=seed, **option).fit(documents)
        drawn.append(fde.queries(QUERIES) @ fde.documents(documents).T)
    error = np.mean(drawn, axis=0) - truth
    assert np.abs(error).max() < 5 * (np.std(drawn, axis=0) / np.sqrt(200)).max()
    assert np.std(drawn, axis=0).max() > 0.01


def test_short_documents_are_not_filled():
    assert not FDE(DIM, k_sim=5).fit(DOCUMENTS).state()["fills"]
    assert FDE(DIM, k_sim=1).fit(lists(9, 13, least=64, most=70)).state()["fills"]


def test_whitened_vectors_are_spread_over_the_cells():
    shifted = Ragged(DOCUMENTS.values + 3, DOCUMENTS.offsets)
    plain, white = FDE(DIM, 4, 4, 4, fill=False).fit(shifted), FDE(DIM, 4, 4, 4, fill=False, whiten=12).fit(shifted)
    used = [(np.abs(fde.documents(shifted)).reshape(400, 64, 4).sum(2) > 0).mean() for fde in (plain, white)]
    assert used[1] > 1.5 * used[0]
    assert white.fingerprint != plain.fingerprint
    assert FDE(DIM, 4, 4, 4, fill=False, whiten=12).restore(white.state()).fingerprint == white.fingerprint


def test_it_is_a_stage_like_any_other():
    expression = "multivector('fde', ann=ivf(nprobe=8), fde=(3, 8, 4), store='disk')"
    stage = pipeline(expression).stages[0]
    assert pipeline(str(stage)).stages[0] == stage
    assert stage_class("multivector") is MultiVector


def test_rows_in_memory_are_no_fetches_from_a_file():
    index = MultiVector("pooled").build(DOCUMENTS)
    assert index.search(QUERIES, 3).rows.min() >= 0 and index.prefetched == (0, 0)


class Known:
    """A coarse stage with given scores (q, n): each document is its number, each query all of its scores."""

    def __init__(self, scores):
        self.scores, self.asked = scores, 0

    def fit(self, documents):
        self.asked += 1
        self.first = 0
        return self

    def queries(self, queries):
        return self.scores

    def documents(self, part):
        first, self.first = self.first, self.first + len(part.lengths)
        return np.eye(self.scores.shape[1], dtype=np.float32)[first : self.first]


def first_ten_among(depth, n, exact):
    """Scores by which the best ten of each query are the last of the first `depth`."""
    scores = np.zeros_like(exact)
    for query, own in enumerate(exact):
        order = np.argsort(-own, kind="stable")
        moved = np.concatenate([order[10:depth], order[:10], order[depth:]])
        scores[query, moved] = np.arange(n, 0, -1)
    return scores


@pytest.mark.parametrize(("rows", "scale"), [(2_000, 1), (80_000, 40), (8_000, 4)])
def test_the_fewest_candidates_are_counted_in_all_rows(rows, scale):
    documents, queries = lists(2_000, 5, least=3), lists(12, 6, least=4, most=8)
    exact = np.concatenate(
        [maxsim(queries, documents.take(np.arange(s, s + 250)), 0.0) for s in range(0, 2_000, 250)], 1
    )
    for depth in DEPTHS:
        place = max(10, depth // scale)  # in the sample
        found = choose({"one": Known(first_ten_among(place, 2_000, exact))}, documents, queries, rows, 0.0, 0)
        slow = next(d for d in DEPTHS if min(-(-d // scale) - (place - 10), 10) >= 8 or d == DEPTHS[-1])
        assert found.n_candidates == slow, (depth, found)


def test_the_first_encoding_that_finds_enough_among_few_is_taken_and_the_next_not_asked():
    documents, queries = lists(2_000, 5, least=3), lists(12, 6, least=4, most=8)
    exact = np.concatenate(
        [maxsim(queries, documents.take(np.arange(s, s + 250)), 0.0) for s in range(0, 2_000, 250)], 1
    )
    good, middling, bad = (Known(first_ten_among(d, 2_000, exact)) for d in (16, 256, 1_900))
    assert choose({"a": good, "b": middling}, documents, queries, 2_000, 0.0, 0).name == "a" and not middling.asked
    assert choose({"a": middling, "b": good}, documents, queries, 2_000, 0.0, 0).name == "b"  # 256 of 2,000 are many
    assert choose({"a": bad, "b": middling}, documents, queries, 2_000, 0.0, 0).name == "b"
    assert choose({"a": bad}, documents, queries, 2_000, 0.0, 0).n_candidates == 1_024


def test_the_options_of_encodings_are_those_of_the_stage(tmp_path):
    expression = "multivector('fde', n_candidates=60, fde=(3, 8, 4), whiten=12, d_final=100, fill=True)"
    index = pipeline(expression).stages[0].build(DOCUMENTS)
    encoding = FDE(DIM, 3, 8, 4, 100, True, 12, seed=0).fit(DOCUMENTS)
    asked = encoding.queries(QUERIES) @ encoding.documents(DOCUMENTS).T
    found = index.candidates_of(QUERIES, 60)
    np.testing.assert_allclose(found.scores, -np.sort(-asked, axis=1)[:, :60], rtol=2e-2, atol=2e-2)
    index.save(tmp_path)
    pipeline(expression).stages[0].load(tmp_path)
    for other in ("whiten=11", "d_final=99", "fill='auto'"):
        name = other.partition("=")[0]
        changed = ", ".join(part for part in ("whiten=12", "d_final=100", "fill=True") if not part.startswith(name))
        with pytest.raises(InputError, match=f"another {name}"):
            pipeline(f"multivector('fde', n_candidates=60, fde=(3, 8, 4), {changed}, {other})").stages[0].load(tmp_path)
    for wrong in ("whiten=0", "d_final=0", "fill='some'"):
        with pytest.raises(PipelineError, match="multivector"):
            pipeline(f"multivector({wrong})")


def test_an_index_without_these_options_is_that_of_earlier_versions(tmp_path):
    options = {"candidates": "fde", "n_candidates": 60, "fde": (3, 8, 4)}
    MultiVector(**options).build(DOCUMENTS).save(tmp_path)
    path = tmp_path / "meta.json"
    meta = json.loads(path.read_text())
    assert {"whiten", "d_final", "fill"} <= set(meta["settings"])
    opened = MultiVector(**options).load(tmp_path)
    assert opened.search(QUERIES, 5).rows.min() >= 0
    with pytest.raises(InputError, match="another whiten"):
        MultiVector(**options, whiten=8).load(tmp_path)


@pytest.mark.parametrize("k", [1, 10, 25, 100])
def test_what_is_scored_are_the_candidates_of_so_many_answers(k):
    """A slow version: so many documents for every ten answers by the mean vectors, the best of them by the definition."""
    index = MultiVector("pooled", n_candidates=30, dtype="float32", ann=pipeline("flat()").stages[0]).build(DOCUMENTS)
    depth = int(np.ceil(30 * max(k, 10) / 10))

    def mean(lists, i):
        values = lists.take(np.array([i])).values.astype(float)
        total = values.sum(axis=0) if len(values) else np.zeros(DIM)
        return total / max(np.linalg.norm(total), 1e-12)

    coarse = np.array([[mean(QUERIES, i) @ mean(DOCUMENTS, j) for j in range(400)] for i in range(6)])
    hits = index.search(QUERIES, k)
    with collect() as report:
        index.search(QUERIES, k)
    assert report.scored == 6 * (400 + depth)
    for i in range(6):
        near = np.argsort(-coarse[i], kind="stable")[:depth]
        best = -np.sort(-SLOW[i, near])[:k]
        np.testing.assert_allclose(hits.scores[i], best, atol=5e-3)


@pytest.mark.parametrize("ahead", [0.0, 0.2, 0.5, 1.0])
def test_reading_begins_with_what_the_first_lists_give(tmp_path, monkeypatch, ahead):
    """What is begun early are the candidates of the first lists, found again by an index that reads no others."""
    documents = lists(600, 4, least=1)
    made = {"candidates": "pooled", "n_candidates": 40, "store": "disk"}
    MultiVector(**made, ann=pipeline("ivf(nlist=12, nprobe=10)").stages[0]).build(documents).save(tmp_path)
    index = MultiVector(**made, ahead=ahead, ann=pipeline("ivf(nlist=12, nprobe=10)").stages[0]).load(tmp_path)
    monkeypatch.setattr("codomain.index.faiss_index.FaissIndex._trivial", 0)
    begun = []
    monkeypatch.setattr(index._lists, "prefetch", lambda rows: begun.append(np.sort(rows).tolist()))
    index.search(QUERIES, 10)
    coarse = index._coarse
    fewer = coarse.index.fresh().load(next(tmp_path.glob("candidates*")))
    for i, rows in enumerate(begun):
        query = QUERIES.take(np.array([i]))
        # for k candidates the index reads sqrt(k / 10) times its lists, 20 of 12: a share of them first
        fewer.nprobe = 1
        monkeypatch.setattr(fewer, "probes", lambda k, share=1.0: max(1, int(np.ceil(ahead * 20))))
        expected = fewer.search(coarse.encoding.queries(query), 40).rows[0]
        assert rows == np.sort(expected[expected >= 0]).tolist()
    assert len(begun) == 6


def test_excerpts_are_runs_of_documents_that_have_vectors():
    from codomain.index.multi.candidate_selection import _excerpts

    for seed in range(5):
        queries, own = _excerpts(DOCUMENTS, seed)
        assert len(own) == len(queries.lengths) == 32 and len(set(own.tolist())) == 32
        for i, row in enumerate(own):
            held = DOCUMENTS.take(np.array([row])).values
            run = queries.take(np.array([i])).values
            assert len(run) == min(8, len(held)) > 0
            assert any(np.array_equal(held[s : s + len(run)], run) for s in range(len(held) - len(run) + 1))


def test_excerpts_may_not_find_their_own_documents():
    """Every excerpt's own document would be first: the choice is that of scores without it."""
    from codomain.index.multi.candidate_selection import _excerpts

    documents = lists(300, 21, least=9, most=14)
    queries, own = _excerpts(documents, 0)
    scores = maxsim(queries, documents, 0.0)
    others = scores.copy()
    others[np.arange(32), own] = -np.inf
    # a coarse stage that puts a document's own first, then 40 others that are wrong, then the best
    wrong = first_ten_among(40, 300, others)
    wrong[np.arange(32), own] = 1000
    found = choose({"one": Known(wrong)}, documents, None, 300, 0.0, 0)
    slow = next(d for d in DEPTHS if min(d - 30, 10) >= 8)
    assert found.n_candidates == slow == 64 and found.recall == 1.0
