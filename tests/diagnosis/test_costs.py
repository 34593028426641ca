"""Every advice that takes something away quotes what it costs on the judged pairs, and is silent where that is much."""

import re

import numpy as np
import pytest

from codomain.diagnosis import judged, search, texts, vectors
from codomain.diagnosis.costs import LARGE, lost
from codomain.diagnosis.subject import Subject
from codomain.errors import InputError


class Encoder:
    network = None


def subject(X, Q=None, answers=(), passages=None, documents=None, seed=0):
    """Vectors (n, d) as they are, queries (q, d), and the documents that answer each."""
    n = len(X)
    documents = documents or [f"d{i}" for i in range(n)]
    made = Subject(
        "made",
        passages or [f"passage {i}" for i in range(n)],
        documents,
        np.arange(n),
        np.asarray(X, np.float32),
        "made()",
        Encoder(),
        lambda asked: np.asarray(Q, np.float32),
        seed=seed,
    )
    if Q is not None:
        made.asked = {f"q{i}": "x" for i in range(len(Q))}
        made.qrels = {f"q{i}": dict.fromkeys(own, 1) for i, own in enumerate(answers)}
    return made


def units(rng, n, d=32):
    X = rng.standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def advice(section, word):
    return [one.sentence for one in section.advice if word in one.sentence]


# --- the cost itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_lost_pairs_are_those_that_a_loop_counts(seed):
    rng = np.random.default_rng(seed)
    documents = [f"d{i // 2}" for i in range(60)]  # two passages each
    answers = [[f"d{i}" for i in rng.choice(30, 3, replace=False)] for _ in range(25)]
    gone = {int(i): (None if rng.random() < 0.5 else int(rng.integers(60))) for i in rng.choice(60, 40, replace=False)}
    made = subject(units(rng, 60), units(rng, 25), answers, documents=documents)
    pairs = gone_pairs = 0
    for own in answers:
        for document in own:
            pairs += 1
            still = [i for i in range(60) if documents[i] == document and i not in gone]
            for i in range(60):
                if documents[i] == document and i in gone and gone[i] is not None and documents[gone[i]] in own:
                    still.append(gone[i])
            gone_pairs += not still
    assert 0 < gone_pairs < pairs
    assert lost(made, gone) == pytest.approx(gone_pairs / pairs)


def test_without_twenty_judged_queries_nothing_is_said_of_costs():
    rng = np.random.default_rng(0)
    few = subject(units(rng, 40), units(rng, 19), [["d1"]] * 19)
    assert lost(few, {1: None}) is None
    enough = subject(units(rng, 40), units(rng, 20), [["d1"]] * 20)
    assert lost(enough, {1: None}) == 1 and lost(enough, {2: None}) == 0


# --- texts -------------------------------------------------------------------------------------------------------


def repeated(answers):
    rng = np.random.default_rng(1)
    passages = [f"text {i}" for i in range(90)] + [f"TEXT  {i}" for i in range(10)]
    return subject(units(rng, 100), units(rng, 25), answers, passages=passages)


def test_duplicates_are_named_and_their_cost_is_quoted():
    harmless = texts.texts(repeated([[f"d{i}"] for i in range(25)]))
    assert "drops none of the relevant pairs" in advice(harmless, "exact duplicates")[0]
    assert [str(one) for one in harmless.named] == [
        "duplicates: d90 (of d0), d91 (of d1), d92 (of d2), d93 (of d3), d94 (of d4) and 5 more"
    ]
    one_of_25 = texts.texts(repeated([["d95"]] + [[f"d{i}"] for i in range(24)]))
    assert "(that drops 4 % of the relevant pairs)" in advice(one_of_25, "exact duplicates")[0]
    both = texts.texts(repeated([["d5", "d95"]] + [[f"d{i}"] for i in range(24)]))
    assert "drops none" in advice(both, "exact duplicates")[0]  # the copy that stays answers as well


def test_advice_that_costs_much_is_not_given():
    costly = texts.texts(repeated([[f"d{90 + i % 10}"] for i in range(25)]))
    assert costly["exact_duplicates"] == pytest.approx(0.1) and not advice(costly, "duplicates")
    blank = subject(
        units(np.random.default_rng(0), 40), units(np.random.default_rng(1), 25), [["d0"]] * 25, ["", *"abc"] * 10
    )
    assert not advice(texts.texts(blank), "empty")  # the empty text is what is relevant
    blank.qrels = {query: {"d1": 1} for query in blank.asked}
    assert "leave them out (that drops none of the relevant pairs)" in advice(texts.texts(blank), "empty")[0]
    blank.asked = {}
    assert "no judged queries say what that costs" in advice(texts.texts(blank), "empty")[0]


def test_unreadable_texts_are_counted_and_named():
    passages = [
        "plain text",
        "caf\ufffd\ufffd\ufffd",
        "\x00\x01\x02 bytes",
        "\ue000\ue001",
        "tabs\tand\nlines",
        "ein Wort – 漢字",
    ] * 5
    found = texts.texts(subject(units(np.random.default_rng(0), 30), passages=passages))
    assert found["unreadable_texts"] == pytest.approx(15 / 30)
    assert str(found.named[0]) == "unreadable: d1, d2, d3, d7, d8 and 10 more"
    assert "50 % of the passages are unreadable" in advice(found, "unreadable")[0]


# --- near duplicates and hubs ----------------------------------------------------------------------------------------


def test_near_duplicates_are_named_with_what_they_are_near_to():
    rng = np.random.default_rng(3)
    X = units(rng, 80)
    X[60:] = X[:20] + 0.001 * rng.standard_normal((20, 32))
    Q = units(rng, 25)
    kept = vectors.near_duplicates(subject(X, Q, [[f"d{i}"] for i in range(25)]))
    assert "(that drops none of the relevant pairs)" in advice(kept, "cosine 0.95")[0]
    assert {*kept.named[0].ids} == {f"d{i} (of d{i + 60})" for i in range(20)} | {
        f"d{i + 60} (of d{i})" for i in range(20)
    }
    assert sum(kept.histograms[0].counts) == 80
    costly = vectors.near_duplicates(subject(X, Q, [[f"d{60 + i % 20}"] for i in range(25)]))
    assert costly["near_duplicates"] == 0.5 and not advice(costly, "cosine 0.95")
    some = vectors.near_duplicates(subject(X, Q, [["d61"]] + [[f"d{i}"] for i in range(24)]))
    assert "(that drops 4 % of the relevant pairs)" in advice(some, "cosine 0.95")[0]


def with_hubs(answers=None):
    """200 points around a direction, and five at their centre, which are near to all of them."""
    rng = np.random.default_rng(4)
    X = units(rng, 205, 64) + 0.6 * units(rng, 1, 64)
    X[200:] = X[:200].mean(axis=0) + 0.005 * rng.standard_normal((5, 64))
    return subject(X, X[:30] + 0.3 * units(rng, 30, 64) if answers else None, answers or ())


def test_the_largest_hubs_are_named_and_drawn():
    made = with_hubs()
    found = vectors.hubs(made)
    cosines = np.array(made.units @ made.units.T)
    np.fill_diagonal(cosines, -2)
    times = np.bincount(np.argsort(-cosines, axis=1)[:, :10].ravel(), minlength=205)
    best = np.argsort(-times, kind="stable")[:10]
    assert found.named[0].ids == tuple(f"d{i} ({times[i]})" for i in best)
    assert {*found.named[1].ids} == {f"d{i}" for i in np.flatnonzero(times == 0)[:100]}
    assert found.named[1].total == (times == 0).sum() and sum(found.histograms[0].counts) == 205
    assert "no judged queries say" in advice(found, "turn up everywhere")[0]


def test_hubs_that_take_places_and_answer_nothing_are_an_advice():
    made = with_hubs([[f"d{i}"] for i in range(30)])
    found = vectors.hubs(made)
    hubs = [int(re.match(r"d(\d+)", one)[1]) for one in found.named[0].ids]
    hits = np.argsort(-(made.query_vectors @ made.units.T), axis=1)[:, :10]
    assert found["hub_hits"] == pytest.approx(np.isin(hits, hubs).mean())
    assert found["hub_relevant"] == pytest.approx(np.mean([i in hubs for i in range(30)]))
    assert found["hub_hits"] > 0.02
    sentence = advice(found, "turn up everywhere")[0]
    assert str(found.figure("hub_hits")) in sentence and str(found.figure("hub_relevant")) in sentence
    needed = vectors.hubs(with_hubs([[f"d{200 + i % 5}"] for i in range(30)]))
    assert needed["hub_relevant"] > LARGE and not needed.advice


# --- thresholds ----------------------------------------------------------------------------------------------------


def pairs(closeness, n=300, q=60, d=48, seed=5):
    """Queries whose answer has about the cosine that is asked for."""
    rng = np.random.default_rng(seed)
    X = units(rng, n, d)
    Q = np.stack([closeness[i % len(closeness)] * X[i] + units(rng, 1, d)[0] for i in range(q)])
    return subject(X, Q, [[f"d{i}"] for i in range(q)])


def below(section, made, key):
    """Shares of relevant pairs, and of the ten nearest of each query, whose cosine is below a figure."""
    cosines = made.query_vectors @ made.units.T
    relevant = np.array([cosines[i, i] for i in range(len(cosines))])
    nearest = -np.sort(-cosines, axis=1)[:, :10]
    return (relevant < section[key]).mean(), (nearest < section[key]).mean()


def test_a_threshold_quotes_what_it_drops():
    made = pairs([2.0, 1.5])
    found = judged.threshold(made)
    relevant, nearest = below(found, made, "floor")
    assert found["floor_cost"] == pytest.approx(relevant) and relevant <= LARGE
    assert found["floor_hits"] == pytest.approx(nearest)
    (sentence,) = advice(found, "A threshold of")
    for key in ("floor", "floor_cost", "floor_gain", "floor_hits"):
        assert str(found.figure(key)) in sentence
    assert float(str(found.figure("floor"))) == found["floor"]  # the number that is read is the one that was measured
    assert len(found.histograms) == 3 and sum(found.histograms[0].counts) == 60
    assert found.histograms[0].edges == found.histograms[1].edges == found.histograms[2].edges


def test_no_threshold_is_advised_where_most_relevant_pairs_lie_below_the_noise():
    made = pairs([0.1, 0.1, 0.1, 1.0])
    found = judged.threshold(made)
    relevant, _ = below(found, made, "noise")
    assert found["noise_cost"] == pytest.approx(relevant) and relevant > 0.5
    assert not advice(found, "A threshold of") and not advice(found, "noise")


def test_a_cut_of_the_first_hit_quotes_what_it_loses_or_is_silent():
    made = pairs([2.0, 2.0, 0.0])
    found = judged.threshold(made)
    cosines = made.query_vectors @ made.units.T
    best, right = cosines.max(axis=1), cosines.argmax(axis=1) == np.arange(60)
    assert found["answer_cost"] == pytest.approx((best[right] < found["threshold"]).mean())
    assert found["answer_gain"] == pytest.approx((best[~right] < found["threshold"]).mean())
    (sentence,) = advice(found, "first hit tells right from wrong")
    assert str(found.figure("answer_cost")) in sentence and str(found.figure("answer_gain")) in sentence
    hardly = judged.threshold(pairs([0.45, 0.4]))
    assert hardly["answer_auc"] < 0.75
    assert not advice(hardly, "accepted from") or hardly["answer_auc"] >= 0.7
    with pytest.raises(InputError, match="20 queries with a relevant document, and there are 19"):
        judged.threshold(pairs([1.0], q=19))


# --- compression ---------------------------------------------------------------------------------------------------


def test_compression_is_judged_by_what_it_costs_the_queries():
    made = pairs([1.2, 0.8], n=400, q=80, d=64)
    found = search.compressibility(made)
    hits = np.argsort(-(made.query_vectors @ made.units.T), axis=1)[:, :10]
    assert found["recall_exact"] == pytest.approx(np.mean([i in row for i, row in enumerate(hits)]))
    sentences = advice(found, "take it") + advice(found, "No compression is free")
    assert len(sentences) == 1 and "R@10 on the judged queries is" in sentences[0] and " [" in sentences[0]
    taken = advice(found, "take it")[0]
    key = next(k for k in ("int8", "int4", "binary") if taken.startswith(k))
    assert found["recall_exact"] - found[f"recall_{key}"] <= 0.02


def test_without_judgments_the_nearest_decide_and_that_is_said():
    X = units(np.random.default_rng(6), 400, 64)
    found = search.compressibility(subject(X))
    assert not any(figure.key.startswith("recall") for figure in found.figures)
    (sentence,) = advice(found, "take it")
    assert sentence.startswith("int8()") and "no judged queries say" in sentence


def test_a_compression_that_loses_answers_is_not_taken():
    rng = np.random.default_rng(7)
    # rows that differ in size along one direction only: signs cannot tell them apart
    X = np.concatenate([np.linspace(0.2, 3, 200)[:, None] * np.ones((1, 4)), np.ones((200, 60))], axis=1)
    X += 1e-3 * rng.standard_normal(X.shape)
    made = subject(X, X[:60], [[f"d{i}"] for i in range(60)])
    found = search.compressibility(made)
    assert found["recall_binary_uncentred"] < found["recall_exact"] - 0.02
    assert not any(
        "binary(center=False) keeps" in sentence and "take it" in sentence for sentence in advice(found, "take")
    )
