"""Probes of word vectors against gensim, scipy and the formulas by hand."""

from itertools import combinations

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.probes.word_vectors import analogy, categorisation, numeracy, weat, word_similarity


def vocabulary(n: int = 60, d: int = 8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"w{i}": rng.normal(size=d).astype(np.float32) for i in range(n)}


def questions(n: int = 40) -> list[tuple[str, str, str, str]]:
    rng = np.random.default_rng(1)
    return [tuple(f"w{i}" for i in rng.permutation(60)[:4]) for _ in range(n)]  # type: ignore[misc]


def unit(v: np.ndarray) -> np.ndarray:
    v = np.asarray(v, np.float64)
    return v / np.linalg.norm(v)


def test_similarity_is_spearman_of_cosines_over_known_pairs() -> None:
    from scipy.stats import spearmanr

    X = vocabulary()
    rng = np.random.default_rng(2)
    pairs = [(f"w{a}", f"w{b}", float(rng.random())) for a, b in rng.integers(0, 60, (50, 2)) if a != b]
    wanted = spearmanr([unit(X[a]) @ unit(X[b]) for a, b, _ in pairs], [s for *_, s in pairs]).statistic
    found = word_similarity(X, [*pairs, ("w1", "unknown", 1.0)])
    assert found.value == pytest.approx(wanted) and found.low < found.value < found.high
    assert (found.used, found.asked) == (len(pairs), len(pairs) + 1)


def slow_analogy(X: dict[str, np.ndarray], method: str) -> float:
    right = 0
    for a, b, c, d in questions():
        scores = {}
        for word in X:
            if word not in (a, b, c):
                ca, cb, cc = (float(unit(X[word]) @ unit(X[other])) for other in (a, b, c))
                scores[word] = (
                    cb - ca + cc if method == "3cosadd" else (1 + cb) / 2 * (1 + cc) / 2 / ((1 + ca) / 2 + 0.001)
                )
        right += max(scores, key=scores.__getitem__) == d
    return right / len(questions())


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_analogies_are_those_of_the_formula(method: str) -> None:
    X = vocabulary()
    for a, b, c, d in questions()[:20]:  # half of the answers planted, so that some are right
        X[d] = unit(X[b]) - unit(X[a]) + unit(X[c])
    found = analogy(X, questions(), method=method)  # type: ignore[arg-type]
    assert found.value == pytest.approx(slow_analogy(X, method)) and found.value > 0.1


def test_analogies_are_those_of_gensim(tmp_path_factory: pytest.TempPathFactory) -> None:
    models = pytest.importorskip("gensim.models")
    X = vocabulary()
    for a, b, c, d in questions()[:20]:
        X[d] = unit(X[b]) - unit(X[a]) + unit(X[c])
    peer = models.KeyedVectors(8)
    peer.add_vectors(list(X), np.array([unit(v) for v in X.values()], np.float32))
    path = tmp_path_factory.mktemp("gensim") / "q.txt"
    path.write_text(": all\n" + "\n".join(" ".join(question) for question in questions()))
    score, _ = peer.evaluate_word_analogies(str(path), case_insensitive=False)
    assert analogy(X, questions()).value == pytest.approx(score)


def test_questions_outside_of_the_vocabulary_are_left_out() -> None:
    X = vocabulary()
    some = [f"w{i}" for i in range(30)]
    found = analogy(X, questions(), vocabulary=some)
    assert found.used == sum(all(word in some for word in q) for q in questions()) > 0 and found.asked == 40


def test_categories_that_are_clusters_are_pure_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    X = {f"{c}{i}": np.eye(6)[c] + rng.normal(0, 0.05, 6) for c in range(6) for i in range(10)}
    own = {str(c): [f"{c}{i}" for i in range(10)] for c in range(6)}
    mixed = {str(c): [f"{(c + i) % 6}{i}" for i in range(10)] for c in range(6)}
    assert categorisation(X, own).value > 0.85 > 0.45 > categorisation(X, mixed).value


def test_weat_is_the_published_effect_with_an_exact_p() -> None:
    V = vocabulary()
    names = [[f"w{10 * side + i}" for i in range(4)] for side in range(4)]
    x, y, a, b = ([unit(V[w]) for w in side] for side in names)
    s = [np.mean([w @ v for v in a]) - np.mean([w @ v for v in b]) for w in x + y]
    effect = (np.mean(s[:4]) - np.mean(s[4:])) / np.std(s, ddof=1)
    observed = np.mean(s[:4]) - np.mean(s[4:])
    splits = [np.mean([s[i] for i in rows]) - np.mean([s[i] for i in range(8) if i not in rows]) for rows in combinations(range(8), 4)]  # fmt: skip
    found = weat(V, *names)
    assert found.effect == pytest.approx(effect, abs=1e-5)
    assert found.p == pytest.approx(np.mean(np.array(splits) >= observed - 1e-9))


def test_weat_of_many_words_draws_partitions() -> None:
    rng = np.random.default_rng(0)
    V = {f"x{i}": np.array([1, 0.1 * rng.random()]) for i in range(20)} | {f"y{i}": np.array([0.1 * rng.random(), 1]) for i in range(20)}  # fmt: skip
    V |= {"a": np.array([1, 0]), "b": np.array([0, 1])}
    found = weat(V, [f"x{i}" for i in range(20)], [f"y{i}" for i in range(20)], ["a"], ["b"], draws=999)
    assert found.effect > 1.9 and found.p == pytest.approx(0.001)


def test_random_vectors_know_no_numbers() -> None:
    rng = np.random.default_rng(0)
    found = numeracy({str(i): rng.normal(size=20) for i in range(1, 200)}, range(1, 201))
    assert abs(found.value) < 0.1 and found.used == 199


def test_an_encoder_and_a_vector_file_serve_as_well(tmp_path_factory: pytest.TempPathFactory) -> None:
    import codomain as cd

    static = cd.pipeline("static()").stages[0]
    pairs = [("cat", "kitten", 9.0), ("cat", "tax", 1.0), ("river", "stream", 8.0), ("river", "piano", 1.0)]
    assert word_similarity(static, pairs).value > 0.5
    V = vocabulary()
    path = tmp_path_factory.mktemp("words") / "v"
    cd.vectorfiles.write(path, list(V), np.stack(list(V.values())))
    triples = [("w1", "w2", 3.0), ("w3", "w4", 1.0), ("w5", "w6", 2.0)]
    assert word_similarity(cd.vectorfiles.open(path), triples).value == word_similarity(V, triples).value


def test_what_cannot_be_asked_is_refused() -> None:
    import codomain as cd

    V = vocabulary()
    with pytest.raises(InputError, match="correlation needs three"):
        word_similarity(V, [("w1", "none", 1.0)])
    with pytest.raises(InputError, match="need a vocabulary"):
        analogy(cd.pipeline("static()").stages[0], questions())
    with pytest.raises(InputError, match="none of 1"):
        analogy(V, [("a", "b", "c", "d")])
    with pytest.raises(InputError, match="method"):
        analogy(V, questions(), method="pairwise")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="categories need more"):
        categorisation(V, {"a": ["none"], "b": ["w1"]})
    with pytest.raises(InputError, match="are needed"):
        weat(V, ["w1"], ["w2", "w3"], ["w4"], ["w5"])
    with pytest.raises(InputError, match="above 0"):
        numeracy(V, [0, 1, 2])
    with pytest.raises(InputError, match="correlation needs three"):
        numeracy(V)


def test_partitions_are_drawn_by_seed_zero_unless_it_is_said_otherwise() -> None:
    rng = np.random.default_rng(0)
    words = {f"w{i}": rng.normal(size=8) for i in range(30)}
    names = [*words]
    sides = names[:12], names[12:24], names[24:27], names[27:]
    p = {seed: weat(words, *sides, draws=300, seed=seed).p for seed in range(3)}
    assert weat(words, *sides, draws=300).p == p[0] and len({*p.values()}) == 3
