"""Judgments from users and from a callable: what is relevant, what is counted, what is asked once."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.endpoints.server import serving
from tests.tuning.conftest import Clock

import codomain as cd
from codomain.cli.app import app
from codomain.endpoints import Generator, collect
from codomain.errors import InputError
from codomain.measure import evaluate
from codomain.measure.data.corpus import Corpus, Questions
from codomain.measure.data.datasets import Dataset
from codomain.retriever import Retriever
from codomain.tuning import tune
from codomain.tuning.options import Options
from codomain.tuning.questions.judge import pipelines_of_pool, pool
from codomain.tuning.questions.users import clicks_of
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.evaluator import Evaluator

NOW = "fuse(static() >> float16() >> flat(), bm25())"
SPACE = ["bm25()", "static() >> flat()", "fuse(static() >> flat(), bm25())"]
QUICK: dict[str, Any] = {"space": SPACE, "engine": "inside", "confirm": False}


@pytest.fixture
def collection(data: Dataset, tmp_path: Path) -> Iterator[cd.Collection]:
    with cd.create(tmp_path / "c", NOW) as made:
        made.add({"id": id, "text": text} for id, text in data.documents.items())
        yield made


def test_feedback_is_what_was_good_and_bad_with_the_last_verdict(collection: cd.Collection, data: Dataset) -> None:
    with pytest.raises(InputError, match="has no feedback: codomain feedback enters it"):
        tune(collection, feedback=True, **QUICK)
    first, second, third = [*data.documents][:3]
    collection.feedback("one query", good=[first, second])
    collection.feedback("one query", bad=second)
    collection.feedback("another", good=third, bad=first)
    collection.feedback("nothing good", bad=first)
    collection.feedback(cd.pipeline("static()").stages[0].encode_queries(["a"])[0], good=first)
    tuned = tune(collection, feedback=True, **QUICK)
    by_text = {str(tuned.questions.texts[id]): grades for id, grades in tuned.questions.qrels.items()}
    assert by_text == {"one query": {first: 1, second: 0}, "another": {third: 1, first: 0}}
    assert tuned.questions.left_out == {
        "entries of feedback whose query is a vector": 1,
        "queries without a relevant document": 1,
    }
    assert tuned.sentences[0] == "Measured on 600 documents and 2 queries with feedback."
    assert any("7 entries of feedback on 3 queries: verdicts follow what was shown" in one for one in tuned.sentences)


def test_a_data_set_has_no_feedback_and_only_one_source_counts(data: Dataset) -> None:
    with pytest.raises(InputError, match='the data set "small" has no feedback'):
        tune(data, feedback=True)
    with pytest.raises(InputError, match="have queries and judgments of their own"):
        tune(data, {"1": "a"}, {"1": {"a": 1}}, clicks=[])
    with pytest.raises(InputError, match="give one of a mode without judgments, feedback, clicks and a judge"):
        Options(feedback=True, mode="synthetic")


def test_clicks_of_a_file_are_counted(data: Dataset, collection: cd.Collection, tmp_path: Path) -> None:
    a, b, c = [*data.documents][:3]
    searches = [
        {"query": "one", "clicked": [b], "shown": [a, b, "gone"]},
        {"query": "one", "clicked": [a], "shown": [a, c]},
        {"query": "two", "clicked": [c]},
        {"query": "three", "clicked": ["gone", c], "shown": ["gone", a]},
        {"query": "four", "clicked": [], "shown": [a]},
        {"query": " ", "clicked": [a]},
    ]
    log = tmp_path / "clicks.jsonl"
    log.write_text("\n".join(map(json.dumps, searches)))
    tuned = tune(collection, clicks=log, **QUICK)
    by_text = {str(tuned.questions.texts[id]): grades for id, grades in tuned.questions.qrels.items()}
    assert by_text == {"one": {a: 1, b: 1, c: 0}, "two": {c: 1}}
    assert tuned.questions.left_out == {
        "searches without a query": 1,
        "shown documents that are not there": 2,
        "clicks on documents that were not shown": 1,
        "clicks on documents that are not there": 1,
        "queries without a clicked document": 2,
    }
    said = "6 searches with 4 different queries and 3 clicks: clicks follow what was shown, which favors the pipeline that showed it, and 50 % of them"
    assert any(said in one for one in tuned.sentences)
    same, _ = clicks_of(searches, Corpus.of_dataset(data))
    assert same.qrels == tuned.questions.qrels
    collection.close()
    (tmp_path / "pipelines").write_text("bm25()")
    command = [
        "tune",
        str(collection.folder),
        "--clicks",
        str(log),
        "--pipelines",
        str(tmp_path / "pipelines"),
        "--json",
    ]
    said_json = CliRunner().invoke(app, command)
    assert said_json.exit_code == 0 and said in said_json.stdout


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query": 3, "clicked": []}', "line 1: the query is a text, not 3"),
        ('{"query": "a", "clicked": "b"}', "line 1: clicked is a list of ids, not 'b'"),
        ('{"query": "a", "clicked": [1.5]}', "the id 1.5 is neither a text nor a whole number"),
        ('{"query": "a"}', 'line 1: the field "clicked" is missing'),
        ('["query", "clicked"]', "line 1: not a JSON object"),
        ("", "the log of clicks is empty"),
        (
            '{"query": "a", "clicked": ["x"]}',
            "no query of the clicks can be measured: 1 clicks on documents that are not",
        ),
    ],
)
def test_a_log_that_is_none(data: Dataset, tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "log.jsonl").write_text(line)
    with pytest.raises(InputError, match=message):
        tune(data, clicks=tmp_path / "log.jsonl", **QUICK)


def _asked(data: Dataset, number: int = 12) -> dict[str, str]:
    return {id: data.queries[id] for id in [*data.queries][:number]}


def test_a_callable_is_asked_once_for_each_pair_of_the_pool(data: Dataset, tmp_path: Path) -> None:
    queries = _asked(data)
    names = {text: id for id, text in data.documents.items()}
    ids = {text: id for id, text in queries.items()}
    calls: list[tuple[str, str]] = []

    def judge(query: str, document: str) -> int:
        calls.append((query, document))
        return 2 if data.qrels[ids[query]].get(names[document], 0) > 0 else 0

    tuned = tune(data, queries, judge=judge, folder=tmp_path, **QUICK)
    # the pool as plain retrievers find it
    expected: dict[str, set[str]] = {id: set() for id in queries}
    for expression in ("bm25()", "static() >> flat()"):
        retriever = Retriever(expression).index([*data.documents.values()])
        hits = retriever.search([*queries.values()], 10)
        for id, rows in zip(queries, hits.rows, strict=True):
            expected[id] |= {[*data.documents][row] for row in rows if row >= 0}
    assert {(ids[q], names[d]) for q, d in calls} == {(id, d) for id, some in expected.items() for d in some}
    assert len(calls) == len({*calls}) == sum(map(len, expected.values()))
    for id, grades in tuned.questions.qrels.items():
        assert grades == {d: 2 * (data.qrels[id].get(d, 0) > 0) for d in expected[id]}
    said = next(one for one in tuned.sentences if one.startswith("Judged by a callable"))
    assert f"{len(calls):,} pairs of a query and a document, {len(calls):,} of them in this run" in said
    assert "bm25(), static() >> flat()" in said and "are not judged" not in said
    before = len(calls)
    again = tune(data, queries, judge=judge, folder=tmp_path, **QUICK)
    assert len(calls) == before and again.questions.qrels == tuned.questions.qrels
    assert f"{before:,} pairs of a query and a document, 0 of them in this run" in " ".join(again.sentences)


def test_calls_are_bounded_and_go_to_the_first_places_first(data: Dataset, tmp_path: Path) -> None:
    queries = _asked(data)
    calls: list[str] = []

    def judge(query: str, document: str) -> int:
        calls.append(query)
        return 1

    tuned = tune(data, queries, judge=judge, judge_calls=12, folder=tmp_path, **QUICK)
    assert len(calls) == 12 and len({*calls}) >= 6  # no query has more than two documents in the first place
    assert "judge_calls=12 allowed no more" in " ".join(tuned.sentences)
    assert sum(map(len, tuned.questions.qrels.values())) == 12
    more = tune(data, queries, judge=judge, judge_calls=5, folder=tmp_path, **QUICK)
    assert len(calls) == 17 and sum(map(len, more.questions.qrels.values())) == 17


@pytest.mark.parametrize("grade", [4, -1, 1.0, True, None, "2"])
def test_a_grade_that_is_none_is_refused(data: Dataset, tmp_path: Path, grade: Any) -> None:
    grades = iter([1, grade])
    with pytest.raises(InputError, match="a grade is 0, 1, 2 or 3: the judge gave"):
        tune(data, _asked(data), judge=lambda query, document: next(grades), folder=tmp_path, **QUICK)
    assert (
        len((tmp_path / "judged.jsonl").read_text().split()) == 2
    )  # one line of two words: what it said before is kept


def test_a_judge_that_fails_or_finds_nothing(data: Dataset, tmp_path: Path) -> None:
    def broken(query: str, document: str) -> int:
        raise ValueError("no key")

    with pytest.raises(InputError, match=r"the judge failed on the document .* ValueError: no key"):
        tune(data, _asked(data), judge=broken, folder=tmp_path, **QUICK)
    with pytest.raises(InputError, match="the callable finds none of"):
        tune(data, _asked(data), judge=lambda query, document: 0, folder=tmp_path, **QUICK)
    with pytest.raises(InputError, match="give judgments or a callable"):
        tune(data, _asked(data), {"a": {"b": 1}}, judge=broken)


def test_a_judge_reads_whole_documents_of_a_collection(data: Dataset, tmp_path: Path) -> None:
    long = "A fox lives here. " * 200
    read: list[str] = []

    def judge(query: str, document: str) -> int:
        read.append(document)
        return 1

    with cd.create(tmp_path / "c", NOW, chunk_size=64) as collection:
        collection.add([{"id": "a", "text": long, "title": "Foxes"}, {"id": "b", "text": "whales"}])
        tuned = tune(collection, {"q": "fox"}, judge=judge, where="_id == 'a'", **QUICK)
    assert len(read) == 1 and read[0].startswith("Foxes") and read[0].count("fox lives") == 200
    assert tuned.questions.qrels == {"q": {"a": 1}}


def test_a_query_that_is_a_document_is_not_its_own_answer(tmp_path: Path) -> None:
    texts = [
        f"{animal} in the {place}"
        for animal in ("fox", "whale", "owl", "hare")
        for place in ("wood", "sea", "sky", "snow")
    ]
    documents = {str(i): text for i, text in enumerate(texts)}
    qrels = {str(i): {str(i ^ 1): 1} for i in range(len(texts))}  # the same animal, in another place
    data = Dataset("own", documents=documents, queries=documents, qrels=qrels)
    space = ["bm25()", "static() >> flat()"]
    options: dict[str, Any] = {"space": space, "metric": "RR@10", "holdout": 0, "engine": "inside", "confirm": False}
    excluded = tune(data, folder=tmp_path / "a", **options)
    included = tune(data, folder=tmp_path / "b", exclude_self=False, **options)
    for own, others in zip(excluded.outcomes, included.outcomes, strict=True):
        expected = evaluate(own.expression, data, ["RR@10"], k=10)  # which leaves it out by itself
        assert own.mean == pytest.approx(expected.mean("RR@10")) and own.mean > others.mean
    assert any("left out of its ranking, as in BEIR" in sentence for sentence in excluded.sentences)
    assert not any("BEIR" in sentence for sentence in included.sentences)


FEW = Corpus(["a red fox", "a fox", "an owl"], [0, 1, 2], [*"abc"])


def test_clicks_by_hand() -> None:
    log = [
        {"query": "fox", "clicked": ["a"], "shown": ["a", "b"]},
        {"query": "fox", "clicked": ["b", "b"], "shown": ["a", "b", "b"]},
        {"query": "owl", "clicked": ["c"], "shown": ["c"]},
        {"query": "fox", "clicked": ["c"]},
        {"query": "hare", "clicked": ["c"], "shown": []},
    ]
    questions, said = clicks_of(log, FEW)
    assert questions.texts == {"c1": "fox", "c2": "owl"} and questions.kind == "clicks"
    assert questions.qrels == {"c1": {"a": 1, "b": 1, "c": 1}, "c2": {"c": 1}}
    assert questions.left_out == {"clicks on documents that were not shown": 1, "queries without a clicked document": 1}
    # of five clicks four have a place, and two of them are the first
    assert said == (
        "5 searches with 3 different queries and 5 clicks: clicks follow what was shown, which favors the pipeline that showed "
        "it, and 50 % of them are on the first document."
    )
    assert clicks_of(log[2:3], FEW)[1].endswith("showed it, and 100 % of them are on the first document.")
    assert clicks_of(log[3:4], FEW)[1].endswith("the pipeline that showed it.")  # nobody says what was shown
    assert clicks_of(log[1:3], FEW)[1].endswith("and 33 % of them are on the first document.")


def evaluator(tmp_path: Path) -> Evaluator:
    questions = Questions({"1": "fox", "2": "owl", "3": "red owl"}, {}, "judge")
    return Evaluator(FEW, questions, StageCache(tmp_path))


def test_the_pool_takes_first_places_first_and_what_cannot_be_asked_is_left_out(tmp_path: Path) -> None:
    names = ["bm25()", "st('/nowhere/at/all') >> flat()", "static() >> flat()"]
    pairs, asked = pool(evaluator(tmp_path), names)
    assert asked == ["bm25()", "static() >> flat()"]
    places: dict[tuple[str, str], int] = {}
    for name in asked:
        trial = evaluator(tmp_path).trial(name)
        trial.prepare()
        for query, id in enumerate("123"):
            for place, document in enumerate(trial.answer(query)[0]):
                pair = id, FEW.documents[document]
                places[pair] = min(place, places.get(pair, place))
    assert {*pairs} == {*places} and [places[pair] for pair in pairs] == sorted(places.values())


def test_pipelines_of_the_pool_are_unlike_each_other_and_not_slow(tmp_path: Path, clock: Clock) -> None:
    space = [
        "static() >> int8() >> flat()", "fuse(static() >> flat(), bm25())", "static() >> hnsw()", "static() >> flat()",
        "hashed_slowly() >> flat()", "bag_of_words() >> sparse()", "static() >> flat() [64/8]",
    ]  # fmt: skip
    here = evaluator(tmp_path)
    found = pipelines_of_pool(here, space, "static() >> int8() >> flat()", None)
    assert found == [
        "static() >> int8() >> flat()",
        "bm25()",
        "static() >> hnsw()",
        "hashed_slowly() >> flat()",
        "bag_of_words() >> sparse()",
    ]
    assert pipelines_of_pool(here, [], "bm25()", None) == ["bm25()"]
    # three passages at ten a second, and a tenth of the budget
    assert ("hashed_slowly() >> flat()" in pipelines_of_pool(here, space, None, 3.2)) == (here.cache.texts_encoded >= 3)
    other = Evaluator(
        Corpus([f"text {i}" for i in range(50)], [*range(50)], [*map(str, range(50))]),
        here.questions,
        StageCache(tmp_path / "b"),
    )
    missing = 50 - 8  # after those that time it
    for budget, asked in ((10 * 0.1 * missing * 1.01, True), (10 * 0.1 * (missing - 8) * 0.99, False)):
        assert ("hashed_slowly() >> flat()" in pipelines_of_pool(other, space, None, budget)) == asked


def test_empty_queries_are_left_out_before_a_judge_is_asked(tmp_path: Path) -> None:
    data = Dataset("d", documents={"a": "a red fox", "b": "an owl"}, queries={"1": "fox", "2": " ", "3": ""})
    tuned = tune(data, judge=lambda query, document: 3 * (query in document), folder=tmp_path, **QUICK)
    assert tuned.questions.qrels == {"1": {"a": 3, "b": 0}} and tuned.questions.left_out == {"empty queries": 2}
    whole = tune(data, {"1": "fox"}, judge=lambda query, document: 1, folder=tmp_path / "b", **QUICK)
    assert whole.questions.left_out == {}
    with pytest.raises(InputError, match="a judge needs queries"):
        tune(data, {}, judge=max, folder=tmp_path / "c", **QUICK)


def test_a_language_model_judges_and_its_refusals_are_counted(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))
    queries = _asked(data)
    names = {text: id for id, text in data.documents.items()}
    ids = {text: id for id, text in queries.items()}
    asked: list[tuple[str, str]] = []
    refused: list[str] = []

    def chats(prompt: str) -> str:
        query = prompt.partition("Query: ")[2].partition("\n")[0]
        document = prompt.partition("Document: ")[2].rpartition("\n\nAnswer")[0]
        asked.append((ids[query], names[document]))
        if zlib.crc32(f"{query} {document}".encode()) % 10 == 0:  # whatever the order in which threads come
            refused.append(document)
            return "I would rather not."
        return "3" if data.qrels[ids[query]].get(names[document], 0) > 0 else "Grade: 0"

    with serving() as server:
        server.chats = chats
        model = Generator("m", base_url=f"{server.url}/v1", price=1.0)
        with collect() as spent:
            tuned = tune(data, queries, judge=model, folder=tmp_path, **QUICK)
        number = len(server.requests)
        tune(data, queries, judge=model, folder=tmp_path, **QUICK)
        assert len(server.requests) == number  # refusals, too, are paid for once
    assert number == len({*asked}) == spent[model.identity].requests and spent[model.identity].usd > 0
    graded = {
        (id, document): grade for id, grades in tuned.questions.qrels.items() for document, grade in grades.items()
    }
    for (id, document), grade in graded.items():
        assert grade == 3 * (data.qrels[id].get(document, 0) > 0)
    said = next(one for one in tuned.sentences if one.startswith("Judged by"))
    assert (
        f"To {len(refused):,} pairs it gave no grade: they count as not judged." in said
        and "openai m temperature=0" in said
    )


def test_a_judge_whose_answers_hold_no_grade_is_not_paid_for_all_of_them(data: Dataset, tmp_path: Path) -> None:
    class Teapot:
        asked, refused = 0, 0

        def __call__(self, query: str, document: str) -> int | None:
            return None

        def grades(self, pairs: list[tuple[str, str]]) -> list[int | None]:
            self.asked += len(pairs)
            return [None] * len(pairs)

    judge = Teapot()
    with pytest.raises(InputError, match="the judge gave no grade to any of 32 pairs that it was asked for"):
        tune(data, _asked(data), judge=judge, folder=tmp_path, **QUICK)
    assert judge.asked == 32

    def broken(query: str, document: str) -> int:
        raise OSError("it is away.")

    with pytest.raises(InputError, match=r"OSError: it is away\. What it said before is kept\.$"):
        tune(data, _asked(data), judge=broken, folder=tmp_path, **QUICK)


def test_what_is_no_judge(data: Dataset) -> None:
    with pytest.raises(InputError, match="a judge is a function or a language model, not str"):
        tune(data, _asked(data), judge="gpt", **QUICK)


def test_a_language_model_judges_on_the_command_line(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))
    with cd.create(tmp_path / "c", "bm25()") as collection:
        collection.add({"id": id, "text": text} for id, text in data.documents.items())
    asked = [*_asked(data).items()][:4]
    (tmp_path / "q.tsv").write_text("".join(f"{id}\t{text}\n" for id, text in asked))
    (tmp_path / "pipelines").write_text("bm25()\n")
    command = ["tune", str(tmp_path / "c"), "--pipelines", str(tmp_path / "pipelines")]
    with serving() as server:
        server.chats = lambda prompt: "3"
        model = ["--judge", "m", "--judge-url", f"{server.url}/v1", "--judge-calls", "7"]
        said = CliRunner().invoke(app, [*command, "--queries", str(tmp_path / "q.tsv"), *model])
        assert said.exit_code == 0, said.output
        assert len(server.requests) == 7 and "Judged by" in said.stdout and "openai m temperature=0" in said.stdout
    for wrong, words in (
        (["--judge-url", "http://localhost:1"], "go with --judge"),
        (["--judge", "m"], "give --queries"),
        (["--judge", "ollama:", "--queries", str(tmp_path / "q.tsv")], "the name of a model"),
        (["--judge", "m", "--judge-url", "nowhere", "--queries", str(tmp_path / "q.tsv")], "--judge needs"),
    ):
        with pytest.raises(InputError, match=words):  # which main() ends with exit code 2
            CliRunner().invoke(app, [*command, *wrong], catch_exceptions=False)
