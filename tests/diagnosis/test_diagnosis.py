"""The report as a whole: figures against what was put into the data, reasons for what is missing, advice that has figures."""

import math
from html.parser import HTMLParser

import numpy as np
import pytest

from codomain.diagnosis import diagnose
from codomain.diagnosis.report import Diagnosis, Figure, Section
from codomain.diagnosis.subject import Subject
from codomain.diagnosis.texts import truncation
from codomain.diagnosis.words import written
from codomain.errors import InputError
from codomain.measure import Dataset
from codomain.measure.space.geometry import isoscore, mean_cosine
from codomain.testing.samples import WORDS


def corpus(n, seed=0, words=WORDS[:16]):
    rng = np.random.default_rng(seed)
    return {f"d{i}": " ".join(rng.choice(words, 8)) + f" {i}" for i in range(n)}


@pytest.fixture(scope="module")
def judged():
    """A set of 300 documents, a tenth of them copies, two empty, with 60 queries that repeat half of their document."""
    documents = corpus(268)
    documents |= {f"copy{i}": documents[f"d{i}"].upper() for i in range(30)} | {"e1": "", "e2": "  "}
    queries = {f"q{i}": " ".join(documents[f"d{i + 100}"].split()[4:]) for i in range(60)}
    data = Dataset("made", documents=documents, queries=queries, qrels={f"q{i}": {f"d{i + 100}": 1} for i in range(60)})
    other = Dataset("other", documents={str(i): f"a statute on tax law, section {i}" for i in range(120)})
    return diagnose(data, against=other, against_encoder="static(dim=32)")


def test_what_was_put_in_is_found(judged):
    assert judged["exact_duplicates"] == pytest.approx(30 / 298)
    assert judged["empty_texts"] == judged["zero_vectors"] == pytest.approx(2 / 300)
    assert judged["near_duplicates"] >= 60 / 300
    assert 0 < judged["top1"] <= 1 and judged["relevant_cosine"] > judged["random_cosine"]
    assert judged["other_auc"] > 0.95 and judged["depth_q"] < 0.1
    assert judged["flip_case"] == 0 and judged["jaccard_10"] < 1
    with pytest.raises(KeyError):
        judged["beauty"]


def test_figures_are_those_of_the_measures():
    from codomain.encode import StaticEncoder

    documents = corpus(200)
    X = StaticEncoder().encode_documents([*documents.values()])
    found = diagnose(Dataset("made", documents=documents))
    assert found["isoscore"] == pytest.approx(isoscore(X, debiased=True), rel=1e-5)
    assert found["mean_cosine"] == pytest.approx(mean_cosine(X), rel=1e-5)
    assert 0 <= found["overlap_int8"] <= 1 and found["overlap_binary"] <= found["overlap_binary_rescored"]


def test_all_advice_quotes_figures_of_the_report(judged):
    keys = [figure.key for section in judged.sections for figure in section.figures]
    assert len(keys) == len(set(keys))
    assert len(judged.advice) >= 4
    for advice in judged.advice:
        assert advice.figures and set(advice.figures) <= set(keys)
        figures = [f for one in judged.sections for f in one.figures if f.key in advice.figures]
        assert any(str(f) in advice.sentence for f in figures), advice


def test_what_is_longer_than_the_window_is_counted_by_every_encoder_that_has_one():
    class Short:
        gives, modalities, network, window = "dense", ("text",), None, 6

        def count_tokens(self, texts):
            return np.array([len(text.split()) for text in texts])

    passages = [" ".join(["tea"] * n) for n in (3, 6, 7, 12)]
    subject = Subject(
        "s", passages, [*"abcd"], np.arange(4), np.eye(4, dtype=np.float32), "short()", Short(), lambda q: q
    )
    found = truncation(subject)
    assert found["truncated"] == 2 / 4 and found["tokens_lost"] == (1 + 6) / 28
    assert found["pieces"] == np.mean([1, 1, 2, 2]) and found["tokens"] == 6.5
    (named,) = found.named
    assert [*named.ids] == ["d (12 tokens)", "c (7 tokens)"]


def test_what_cannot_be_measured_has_its_reason():
    found = diagnose(Dataset("few", documents={"a": "river stone", "b": "cloud bread", "c": "tax law"}))
    reasons = {one.title: one.missing for one in found.sections if one.missing}
    assert "needs queries" in reasons["Thresholds"] and "no transformer" in reasons["Position and context"]
    assert "too few" in reasons["Predicted compressibility"] and "any length" in reasons["Truncation"]
    lone = diagnose(Dataset("one", documents={"a": "river stone"}))
    assert sum(bool(one.missing) for one in lone.sections) >= 6 and lone.lines()
    same = diagnose(Dataset("same", documents={str(i): "river stone" for i in range(80)}))
    assert same["exact_duplicates"] == pytest.approx(79 / 80) and same.lines()
    silent = diagnose(Dataset("silent", documents={str(i): "" for i in range(80)}))
    assert silent["empty_texts"] == 1 and silent.html()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"on": Dataset("empty")}, "no documents"),
        ({"on": Dataset("pairs", "similarity", pairs=[("a", "b", 1.0)])}, "set of pairs"),
        ({"on": Dataset("d", documents=corpus(60)), "sample": 10}, "take 50"),
        ({"on": Dataset("d", documents=corpus(60)), "against_encoder": "bm25()"}, "is not an encoder"),
    ],
)
def test_bad_input(arguments, says):
    with pytest.raises(InputError, match=says):
        diagnose(**arguments)


def test_a_sample_is_drawn_from_more():
    found = diagnose(Dataset("many", documents=corpus(900)), sample=60)
    assert "900 passages, of which 600 were read" in found.about[0] and "60 of them" in found.about[0]
    assert diagnose(Dataset("many", documents=corpus(900)), sample=60).as_json() == found.as_json()


def test_the_page_is_one_file_and_escapes_what_it_shows():
    section = Section("A & B")
    section.add("x", "<b>bold</b>", 0.5, low=0.4, high=math.nan)
    section.advise("Do <i>this</i>: 0.500.", "x")
    page = Diagnosis("<script>", ["about"], [section, Section("none", missing="no <data>")]).html()

    tags = []

    class Check(HTMLParser):
        def handle_starttag(self, tag, attributes):
            tags.append(tag)
            assert tag != "script" and not {name for name, _ in attributes} & {"src", "onclick"}

    Check().feed(page)
    assert "i" in tags and "<b>bold" not in page and "no &lt;data&gt;" in page
    with pytest.raises(KeyError):
        section.advise("without a figure", "y")


def test_numbers_for_people():
    assert [written(v) for v in (0, 0.5, 0.00012, 12.34, 286, 1234.5, math.inf, math.nan)] == [
        "0", "0.50", "0.00012", "12", "286", "1,234", "unlimited", "unknown",
    ]  # fmt: skip
    assert [written(v, True) for v in (0.1389, 0.999, 1, 0)] == ["14 %", "99.9 %", "100 %", "0 %"]
    assert Figure("k", "l", 0.25, 0.2, 0.3, share=True).interval == "[20 %, 30 %]"
    assert Figure("k", "l", math.nan).as_json()["value"] is None


@pytest.mark.parametrize("texts", [["tea"], ["tea"] * 12])
def test_cosines_that_are_one_value_or_none_are_not_drawn(texts: list[str]) -> None:
    report = diagnose(Dataset("same", documents={str(i): text for i, text in enumerate(texts)}))
    (isotropy,) = [section for section in report.sections if section.title == "Isotropy"]
    assert not isotropy.histograms
