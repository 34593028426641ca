"""Transforms fitted on the command line: from encoders, collections, files of vectors, pairs and feedback, and used by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.transform import load_transform

Run = Callable[..., tuple[int, str, str]]
RNG = np.random.default_rng(0)
OLD = RNG.standard_normal((300, 8)).astype(np.float32)
OLD /= np.linalg.norm(OLD, axis=1, keepdims=True)
NEW = OLD @ np.linalg.qr(RNG.standard_normal((8, 8)))[0].astype(np.float32)
WORDS = ["river", "stone", "cloud", "bread", "fire", "glass", "horse", "paper"]
TEXTS = [f"{a} and {b} beside the {c}" for a in WORDS for b in WORDS for c in WORDS[:3] if a != b]


@pytest.fixture
def run(command: Run, tmp_path: Path) -> Run:
    np.save("new.npy", NEW)
    np.save("old.npy", OLD)
    lines("texts.jsonl", [{"id": f"t{i}", "text": text} for i, text in enumerate(TEXTS)])
    return command


def lines(name: str, rows: list) -> None:
    Path(name).write_text("\n".join(json.dumps(row) for row in rows) + "\n")


def vectors(name: str, ids: list[str], X: np.ndarray) -> None:
    lines(name, [{"id": id, "vector": x.tolist()} for id, x in zip(ids, X, strict=True)])


def test_two_files_of_vectors_become_a_map_that_an_expression_applies(run: Run) -> None:
    code, out, err = run("learn", "align", "new.npy", "old.npy", "-o", "m.map")
    assert (code, err) == (0, "") and "procrustes, 8 to 8 dimensions, fitted on 300 pairs" in out
    assert out.endswith('Use it as align("m.map").\n')
    pipe = cd.pipeline("vectors(8, metric='ip') >> align('m.map') >> flat()")
    moved = pipe.stages[1].transform(NEW)
    assert (np.argmax(moved @ OLD.T, axis=1) == np.arange(300)).mean() > 0.95
    assert np.array_equal(cd.pipeline("fitted('m.map') >> flat()").stages[0].transform(NEW), moved)


def test_files_with_ids_are_joined_by_them_and_what_has_no_partner_is_counted(run: Run) -> None:
    order = RNG.permutation(300)
    vectors("a.jsonl", [f"k{i}" for i in range(200)] + ["x", "y"], np.concatenate([NEW[:200], NEW[:2]]))
    vectors("b.jsonl", [f"k{i}" for i in order], OLD[order])
    code, out, _ = run("learn", "align", "a.jsonl", "b.jsonl", "-o", "m.map", "--method", "ridge")
    assert code == 0 and "ridge" in out and "fitted on 200 pairs" in out
    assert "2 of a.jsonl and 100 of b.jsonl have no partner and were left out" in out
    assert np.allclose(load_transform("m.map").transform(NEW), OLD, atol=0.05)
    code, out, _ = run("learn", "align", "a.jsonl", "b.jsonl", "-o", "m.map", "--sample", "50")
    assert code == 0 and "fitted on 50 of 200 pairs" in out


def test_an_encoder_beside_a_collection_is_given_what_it_says_and_serves_a_new_collection(run: Run) -> None:
    with cd.create("notes", "hashed(64) >> flat()") as notes:
        notes.add([{"id": f"t{i}", "text": text} for i, text in enumerate(TEXTS)])
        stored = notes.get([f"t{i}" for i in range(20)], include=["vector"])
    code, out, _ = run("learn", "align", "static() >> truncate(128)", "notes", "-o", "to.map", "--method", "ridge")
    assert code == 0 and f"128 to 64 dimensions, fitted on {len(TEXTS)} pairs" in out
    with cd.create("mapped", "static() >> truncate(128) >> align('to.map') >> flat()") as mapped:
        mapped.add([{"id": f"t{i}", "text": text} for i, text in enumerate(TEXTS)])
        found = mapped.get([f"t{i}" for i in range(20)], include=["vector"])
        assert mapped.search(TEXTS[5], k=1)[0].id == "t5"
    a, b = (np.stack([np.ravel(one["vector"]) for one in side]) for side in (found, stored))
    assert (np.argmax(a @ b.T, axis=1) == np.arange(20)).mean() > 0.9
    # a collection goes on finding the map wherever it is opened from, and says so where the file is gone
    with cd.open("mapped") as mapped:
        assert mapped.search(TEXTS[7], k=1)[0].id == "t7"
    Path("to.map").unlink()
    code, _, err = run("search", "mapped", "river")
    assert code == 2 and "to.map cannot be read" in err and err.count("\n") == 1
    # two encoders, with texts of one's own
    code, out, _ = run("learn", "align", "hashed(32)", "static()", "-t", "texts.jsonl", "-o", "two.map")
    assert code == 0 and "32 to" in out


def test_a_map_without_pairs_is_written_where_it_is_accepted_and_refused_where_it_is_not(run: Run) -> None:
    np.save("noise.npy", RNG.standard_normal((300, 8)))
    lines("seeds.jsonl", [{"new": i, "old": i} for i in range(60)])
    options = ["--runs", "2", "-o", "u.map"]
    code, out, _ = run("learn", "unpaired-align", "new.npy", "old.npy", "--seeds", "seeds.jsonl", *options)
    assert code == 0 and "60 known pairs" in out and out.endswith('Use it as unpaired_align("u.map").\n')
    moved = cd.pipeline("unpaired_align('u.map') >> flat()").stages[0].transform(NEW)
    assert (np.argmax(moved @ OLD.T, axis=1) == np.arange(300)).mean() > 0.9
    Path("u.map").unlink()
    code, out, err = run("learn", "unpaired-align", "noise.npy", "old.npy", *options)
    assert (code, out) == (2, "") and "no alignment that holds" in err and err.count("\n") == 1
    assert not Path("u.map").exists()


def test_two_encoders_share_anchors(run: Run) -> None:
    options = ["-t", "texts.jsonl", "--anchors", "20"]
    assert run("learn", "relative", "hashed(64)", *options, "-o", "one.map")[0] == 0
    code, out, _ = run("learn", "relative", "static()", "-t", "texts.jsonl", "--like", "one.map", "-o", "other.map")
    assert code == 0 and "to 20 anchors" in out and "the anchors of one.map" in out
    one, other = (
        cd.pipeline(f"{e} >> relative({m!r})") for e, m in (("hashed(64)", "one.map"), ("static()", "other.map"))
    )
    rows = load_transform("one.map").rows_
    A, B = (pipe.encode([TEXTS[row] for row in rows]) for pipe in (one, other))
    assert A.shape == B.shape == (20, 20)
    for found in (A, B):  # an anchor is its own nearest, or as near as another order of its words
        assert np.allclose(found.max(axis=1), found.diagonal(), atol=1e-5)


@pytest.mark.needs_learn
def test_an_adapter_learns_from_pairs_of_texts_of_vectors_of_ids_and_from_feedback(run: Run) -> None:
    queries = [f"where is the {text.split()[0]} with {text.split()[2]}" for text in TEXTS[:60]]
    fast = ["--epochs", "1", "--rank", "4"]
    lines("pairs.jsonl", [{"query": q, "document": d} for q, d in zip(queries, TEXTS, strict=False)])
    code, out, err = run("learn", "low-rank-adapter", "pairs.jsonl", "-e", "hashed(32)", "-o", "p.map", *fast)
    assert code == 0 and "fitted on 60 pairs; pairs held out gain" in out, err
    rows = [{"query": q.tolist(), "document": d.tolist()} for q, d in zip(NEW[:60], OLD[:60], strict=True)]
    lines("own.jsonl", rows)
    code, out, _ = run("learn", "low-rank-adapter", "own.jsonl", "-o", "v.map", "--side", "query", *fast)
    assert code == 0 and np.array_equal(cd.pipeline("low_rank_adapter('v.map')").stages[0].transform(OLD), OLD)
    with cd.create("notes", "hashed(32) >> int8() >> flat()") as notes:
        notes.add([{"id": f"t{i}", "text": text} for i, text in enumerate(TEXTS)])
        for i, query in enumerate(queries[:30]):
            notes.feedback(query, good=f"t{i}", bad="t99")
        notes.delete("t0")
    lines("ids.jsonl", [{"query": q, "id": f"t{i}"} for i, q in enumerate(queries)])
    code, out, _ = run("learn", "low-rank-adapter", "ids.jsonl", "-c", "notes", "-o", "i.map", *fast)
    assert code == 0 and "fitted on 59 pairs (1 left out)" in out
    code, out, _ = run("learn", "low-rank-adapter", "-c", "notes", "-o", "f.map", *fast)
    assert code == 0 and "fitted on 29 pairs" in out
    with cd.create("adapted", "hashed(32) >> low_rank_adapter('f.map') >> flat()") as adapted:
        adapted.add([{"id": f"t{i}", "text": text} for i, text in enumerate(TEXTS)])
        assert len(adapted.search("river", k=3)) == 3


@pytest.mark.needs_learn
def test_a_head_learns_from_pairs_with_scores(run: Run) -> None:
    rows = [{"left": a, "right": b, "score": i % 5} for i, (a, b) in enumerate(pairwise(TEXTS))]
    lines("scored.jsonl", rows)
    code, out, err = run("learn", "siamese", "scored.jsonl", "-e", "static()", "--epochs", "1", "-o", "h.map")
    assert code == 0 and f"fitted on {len(TEXTS) - 1} pairs" in out, err
    assert cd.pipeline("static() >> siamese('h.map') >> flat()").encode(TEXTS[:2]).shape == (2, cd.static().dim)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("align new.npy none.npy", "none.npy does not exist"),
        ("align new.npy texts", "no encoder, no collection and no file of vectors"),
        ("align new.npy short.npy", "300 vectors and short.npy 5"),
        ("align new.npy flat.npy", "vectors are numbers"),
        ("align static() old.npy", "static() has no texts to encode: name files of them with --texts"),
        ("align static() hashed(8) -t empty.jsonl", "empty.jsonl: no texts"),
        ("align bm25() old.npy -t texts.jsonl", "does not make dense vectors"),
        ("align a.jsonl b.jsonl", "no id of a.jsonl is in b.jsonl"),
        ("align new.npy old.npy --rank 0", "rank"),
        ("relative new.npy --like m.map", "m.map holds align, not relative"),
        ("relative short.npy --like r.map", "the same texts in the same order"),
        ("unpaired-align new.npy old.npy --seeds far.jsonl", "old.npy has no vector 300"),
        ("low-rank-adapter", "learns from a file of pairs, or from the feedback"),
        ("low-rank-adapter texts.jsonl -e static()", 'line 1: the field "query" is missing'),
        ("low-rank-adapter mixed.jsonl -e static()", "all of one kind"),
        ("low-rank-adapter words.jsonl", "are texts: name the --encoder"),
        ("low-rank-adapter words.jsonl -e static() -c notes", "not both"),
        ("low-rank-adapter -c notes", "has no pair of a query and a document"),
        ("siamese words.jsonl -e static()", 'the field "left" is missing'),
        ("siamese scores.jsonl -e static()", 'pair 1: the field "score" is no number'),
    ],
)
def test_what_cannot_be_fitted_is_one_sentence_and_nothing_is_written(run: Run, arguments: str, sentence: str) -> None:
    from codomain.transform import Align, Relative, save_transform

    np.save("short.npy", OLD[:5])
    np.save("flat.npy", OLD[0])
    vectors("a.jsonl", ["1", "2"], NEW[:2])
    vectors("b.jsonl", ["3", "4"], OLD[:2])
    Path("empty.jsonl").write_text("")
    save_transform(Align("ridge").fit(NEW, OLD), "m.map")
    save_transform(Relative(20).fit(NEW), "r.map")
    lines("far.jsonl", [{"new": 0, "old": 0}, {"new": 1, "old": 300}])
    lines("mixed.jsonl", [{"query": "a", "document": "b"}, {"query": [1.0], "document": "b"}])
    lines("words.jsonl", [{"query": "a", "document": "b"}])
    lines("scores.jsonl", [{"left": "a", "right": "b", "score": "much"}])
    with cd.create("notes", "hashed(8) >> flat()") as notes:
        notes.add([{"id": "1", "text": "one"}])
    code, out, err = run("learn", *arguments.split(), "-o", "out.map")
    assert (code, out) == (2, "") and err.count("\n") == 1, err
    assert sentence in err and not Path("out.map").exists()


def test_a_file_of_another_transform_is_refused_by_the_stage_that_names_one(run: Run) -> None:
    run("learn", "relative", "new.npy", "-o", "r.map", "--anchors", "5")
    code, _, err = run("embed", "hashed(8) >> align('r.map')", stdin="a text")
    assert code == 2 and "r.map holds relative, not align: write relative(" in err and err.count("\n") == 1
