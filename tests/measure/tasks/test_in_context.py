"""Retrieved examples in prompts, against a loop by hand and a language model that does as it is told."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.tasks.in_context import example_prompt, label_in_context, nearest_examples

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 6)).astype(np.float32)
Q = RNG.standard_normal((7, 6)).astype(np.float32)
EXAMPLES = [f"example {i}" for i in range(30)]
LABELS = [("red", "green", "dark green")[i % 3] for i in range(30)]
TEXTS = [f"text {i}" for i in range(7)]


def last_label(prompts):
    """What the example next to the question says, in capitals and with words behind."""
    return [" " + prompt.split("\n\n")[-2].split("Label: ")[1].upper() + ", I think" for prompt in prompts]


def test_the_nearest_examples_stand_last():
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    for query, rows in zip(Q, nearest_examples(X, Q, 4), strict=True):
        assert rows.tolist() == np.argsort(unit @ query)[-4:].tolist()
    assert nearest_examples(X, Q, 99).shape == (7, 30)


def test_the_label_is_the_longest_that_the_answer_begins_with():
    found = label_in_context(TEXTS, Q, EXAMPLES, LABELS, X, last_label, k=3)
    expected = [LABELS[rows[-1]] for rows in nearest_examples(X, Q, 3)]
    assert found.labels == expected and "dark green" in expected and found.unread == 0
    for prompt, rows, text in zip(found.prompts, nearest_examples(X, Q, 3), TEXTS, strict=True):
        by_hand = "".join(f"Text: {EXAMPLES[i]}\nLabel: {LABELS[i]}\n\n" for i in rows) + f"Text: {text}\nLabel:"
        assert prompt == by_hand


def test_other_examples_and_answers_that_are_none():
    rows = RNG.integers(30, size=(7, 2))
    found = label_in_context(TEXTS, Q, EXAMPLES, LABELS, X, last_label, rows=rows)
    assert found.labels == [LABELS[i] for i in rows[:, -1]]
    silent = label_in_context(TEXTS, Q, EXAMPLES, LABELS, X, lambda prompts: ["blue"] * 6 + ["red"])
    assert silent.labels == [None] * 6 + ["red"] and silent.unread == 6


def test_lines_of_a_text_become_one():
    assert example_prompt([("a\n\nb", "x")], "c\td", ("Satz", "Art")) == "Satz: a b\nArt: x\n\nSatz: c d\nArt:"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"labels": LABELS[:3]}, "every example needs a label and a vector: there are 30, 3 and 30"),
        ({"Q": Q[:2]}, "every text needs a vector: there are 7 and 2"),
        ({"k": 0}, "k is 1 at least"),
        ({"rows": [[1]]}, "every text needs examples: there are 7 and 1"),
        ({"complete": lambda prompts: ["red"]}, "gave 1 answers to 7 prompts"),
    ],
)
def test_what_does_not_fit_is_one_sentence(changed, sentence):
    given = {"texts": TEXTS, "Q": Q, "examples": EXAMPLES, "labels": LABELS, "X": X, "complete": last_label}
    with pytest.raises(InputError, match=sentence):
        label_in_context(**{**given, **changed})
