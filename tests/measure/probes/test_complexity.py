"""How complex texts are, and whose fault a gap is: worked examples, and gaps made on purpose."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.probes.complexity import domain_gap, fog, syllables, text_complexity

COUNTED = {  # by a dictionary
    1: ["cat", "stone", "house", "jumped", "through", "strengths", "eyes", "makes"],
    2: ["table", "river", "wanted", "happy", "bigger", "changes", "paper"],
    3: ["banana", "computer", "remember", "energy", "important"],
    4: ["information", "dictionary", "experiment", "temperature"],
    5: ["university", "communication", "readability"],
}


def test_syllables_are_those_of_a_dictionary():
    right = sum(syllables(word) == n for n, words in COUNTED.items() for word in words)
    assert right >= 0.9 * sum(map(len, COUNTED.values()))


def test_the_fog_index_is_gunnings_formula():
    # 13 words in two sentences, three of them long: 0.4 (6.5 + 100 * 3 / 13)
    text = "The university gave important information. The cat sat on the mat all day."
    assert fog([text, ""]) == pytest.approx([0.4 * (6.5 + 300 / 13), 0])
    assert text_complexity([text, "..."]).sentence == 6.5


def test_entropy_and_fertility_are_counted():
    found = text_complexity(["a b a b", "c d c d"], tokenize=list, extra={"letters": len})
    assert found.entropy == pytest.approx(2) and found.counted == 8
    assert found.fertility == pytest.approx(14 / 8) and found.extra == {"letters": 7}
    assert text_complexity(["a b c d"] * 100, count=50).counted == 50


def items(rng, n, shift, domain, slope=-0.3):
    x = rng.normal(shift, 1, n)
    return 0.6 + slope * x + domain + rng.normal(0, 0.1, n), x


def test_a_gap_of_complexity_alone_is_complexitys():
    rng = np.random.default_rng(0)
    (a, xa), (b, xb) = items(rng, 300, 0, 0), items(rng, 300, 1, 0)
    found = domain_gap(a, b, xa, xb)
    assert found.raw < -0.2 and found.low < 0 < found.high and found.complexity_high < -0.2
    assert found.raw == pytest.approx(found.domain + found.complexity)


def test_a_gap_of_the_domain_alone_is_the_domains():
    rng = np.random.default_rng(1)
    (a, xa), (b, xb) = items(rng, 300, 0, 0), items(rng, 300, 0, -0.4)
    found = domain_gap(a, b, xa, xb)
    assert found.high < -0.3 and abs(found.complexity) < 0.06 and found.overlap > 0.95


def test_the_interval_holds_the_truth_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr("codomain.measure.probes.complexity._DRAWS", 100)
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(60):
        (a, xa), (b, xb) = items(rng, 40, 0, 0), items(rng, 40, 0.5, -0.2)
        found = domain_gap(a, b, np.column_stack([xa, xa**2]), np.column_stack([xb, xb**2]))
        inside += found.low <= -0.2 <= found.high
    assert 48 <= inside <= 60


def test_complexity_far_away_is_said():
    rng = np.random.default_rng(3)
    (a, xa), (b, xb) = items(rng, 50, 0, 0), items(rng, 50, 9, 0)
    assert domain_gap(a, b, xa, xb).overlap < 0.1


def test_what_cannot_be_measured_is_a_sentence():
    with pytest.raises(InputError, match="no word"):
        text_complexity(["", "12 !"])
    with pytest.raises(InputError, match="at least ten"):
        domain_gap([1, 2], [1, 2], [1, 2], [1, 2])
    with pytest.raises(InputError, match="must be numbers"):
        domain_gap([np.nan] * 20, [0.0] * 20, range(20), range(20))


def test_the_seed_draws_the_words_and_is_zero_unless_it_is_named():
    texts = [f"word{i} word{i % 7} and more" for i in range(400)]
    drawn = text_complexity(texts, count=50)
    assert drawn.entropy == text_complexity(texts, count=50, seed=0).entropy
    assert drawn.counted == 50 and len({text_complexity(texts, count=50, seed=s).entropy for s in range(5)}) > 1


def test_shares_and_sentences_are_means_over_texts():
    found = text_complexity(["one two three. four five six.", "a fine day"])
    assert found.sentence == pytest.approx(3) and found.counted == 9
    assert found.fog == pytest.approx(0.4 * (found.sentence + 100 * found.long_words))
    assert found.entropy == pytest.approx(np.log2(9))


def test_ten_items_are_enough_for_a_gap_and_nine_are_not():
    x = np.linspace(0, 1, 10)
    assert domain_gap(x, x + 0.5, x, x).domain == pytest.approx(0.5)
    for sides in ((x[:9], x), (x, x[:9])):
        with pytest.raises(InputError, match="at least ten"):
            domain_gap(*sides, *sides)
