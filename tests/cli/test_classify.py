"""codomain classify, as a user meets it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

TEXTS = {
    "sports": [
        "The striker scored twice and the team won the match", "She won the marathon in record time",
        "The coach blamed the referee after the defeat", "A late goal decided the championship final",
        "The tennis player lost the first set", "The hockey club signed a new goalkeeper",
    ],
    "cooking": [
        "Simmer the onions in butter until golden", "Add flour and eggs and knead the dough",
        "Roast the chicken with garlic and lemon", "A pinch of salt makes the soup better",
        "Bake the cake for forty minutes in the oven", "Chop the tomatoes for the pasta sauce",
    ],
    "astronomy": [
        "The telescope observed a distant galaxy", "A comet will pass near the earth tonight",
        "The planet orbits its star in nine days", "Astronomers measured the light of a supernova",
        "The moon of Jupiter is covered with ice", "Stars are born in clouds of dust and gas",
    ],
}  # fmt: skip


@pytest.fixture
def run(command: Run, tmp_path: Path) -> Run:
    """Run a command beside a collection of eighteen sentences, half of them with a label in the field "known"."""
    rows = []
    for topic, texts in TEXTS.items():
        for i, text in enumerate(texts):
            known = {"known": topic} if i % 2 else {}
            rows.append({"id": f"{topic}{i}", "text": text, "topic": topic, "number": i, **known})
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "labels.txt").write_text("sports: sports, football\n\ncooking: cooking, recipe, food\nastronomy\n")
    assert command("index", "rows.jsonl", "--into", "notes", "--pipeline", "static() >> int8() >> flat()")[0] == 0
    return command


def test_documents_get_the_label_that_they_are_about(run: Run) -> None:
    code, out, err = run("classify", "notes", "--labels", "labels.txt", "--csv", "--keep-all")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err) == (0, "") and len(rows) == 18
    assert sum(row["id"].startswith(row["label"]) for row in rows) >= 17
    assert all(0 < float(row["confidence"]) <= 1 for row in rows)


def test_the_table_counts_labels_and_judges_them(run: Run) -> None:
    code, out, _ = run("classify", "notes", "-l", "labels.txt", "--gold", "topic", "--keep-all", "--iterations", "2")
    assert code == 0 and "documents   share  confidence" in out
    assert "accuracy" in out and "macro-F1" in out and 'against "topic", over 18 documents' in out


def test_json_has_sums_documents_and_scores(run: Run) -> None:
    code, out, _ = run("classify", "notes", "-l", "labels.txt", "--gold", "known", "--json", "--where", "number < 4")
    found = json.loads(out)
    assert code == 0 and len(found["documents"]) == 12 and found["judged"] == 6
    assert sum(entry["documents"] for entry in found["labels"]) == 12
    assert found["scores"]["accuracy"]["low"] <= found["scores"]["accuracy"]["value"]


def test_labeled_documents_label_the_others(run: Run) -> None:
    code, out, _ = run("classify", "notes", "--examples", "known", "-k", "3", "--json")
    found = json.loads(out)
    assert code == 0 and len(found["documents"]) == 9 and found["judged"] == 9
    assert sum(entry["id"].startswith(entry["label"]) for entry in found["documents"]) >= 7
    code, out, _ = run("classify", "notes", "--examples", "topic")
    assert code == 0 and "nothing to label" in out and "a fifth labelled by the other four" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "either --labels FILE or --examples FIELD"),
        (("--labels", "labels.txt", "--examples", "topic"), "either --labels FILE or --examples FIELD"),
        (("--labels", "no.txt"), "no.txt cannot be read"),
        (("--labels", "empty.txt"), "holds no labels"),
        (("--labels", "twice.txt"), 'line 2: the label "a" is there twice'),
        (("--labels", "odd.txt"), "line 1: a class is written"),
        (("--labels", "labels.txt", "--gold", "nothing"), 'no document has a value in the field "nothing"'),
        (("--labels", "labels.txt", "--where", "number > 99"), "no documents to label that the filter matches"),
        (("--labels", "labels.txt", "--documents", "-1"), "n_docs"),
        (("--labels", "labels.txt", "--json", "--csv"), "exclude each other"),
        (("--examples", "nothing"), 'in the field "nothing"'),
    ],
)
def test_mistakes_get_one_sentence(run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    for name, text in (("empty.txt", "\n"), ("twice.txt", "a\na: b"), ("odd.txt", "a:\n")):
        (tmp_path / name).write_text(text)
    code, out, err = run("classify", "notes", *arguments)
    assert code == 2 and out == "" and said in err and err.count("\n") == 1


def test_a_collection_without_vectors_says_what_it_needs(run: Run) -> None:
    assert run("index", "rows.jsonl", "--into", "words", "--pipeline", "bm25()")[0] == 0
    code, _, err = run("classify", "words", "--labels", "labels.txt")
    assert code == 2 and "labels need one, such as static()" in err
