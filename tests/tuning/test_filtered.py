"""Queries with filters: every pipeline is measured as a collection with it searches under the filter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import codomain as cd
from codomain.cli.app import app
from codomain.errors import InputError, WhereError
from codomain.measure.data.corpus import Corpus, Questions, usable
from codomain.measure.data.datasets import Dataset
from codomain.tuning import tune
from codomain.tuning.questions.filters import asked_with, texts_of
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.coverage import part_of
from codomain.tuning.trials.evaluator import Candidate, Evaluator

NOW = "fuse(static() >> float16() >> flat(), bm25())"
SPACE = [
    "bm25()",
    "static() >> flat()",
    "static() >> truncate(64) >> float8() >> flat()",
    "fuse(static() >> flat(), bm25())",
    NOW,
]


@pytest.fixture
def collection(data: Dataset, tmp_path: Path) -> cd.Collection:
    with cd.create(tmp_path / "c", NOW, chunk_size=32, overlap=4) as made:
        made.add(
            {"id": id, "text": text, "metadata": {"third": number % 3, "name": id[0]}}
            for number, (id, text) in enumerate(data.documents.items())
        )
        yield made


@pytest.fixture
def where(data: Dataset) -> dict[str, str]:
    return {id: f"third != {number % 3}" for number, id in enumerate(data.queries) if number % 4}


def test_a_trial_finds_what_a_collection_with_chunks_finds_under_the_filter(
    data: Dataset, collection: cd.Collection, where: dict[str, str], tmp_path: Path
) -> None:
    corpus = Corpus.of_collection(collection, texts_of(where))
    questions = asked_with(where, usable(data.queries, data.qrels, corpus), corpus, data.queries)
    assert any(questions.where.values()) and len(questions.where) < len(questions)
    evaluator = Evaluator(corpus, questions, StageCache(tmp_path / "cache"))
    trial = evaluator.trial(NOW)
    assert ranked(trial) == searched(collection, questions)
    trial.release()
    assert (
        corpus.chunked and corpus.situate and ranked(evaluator.trial("bag_of_words() >> sparse()"))
    )  # kept as they are
    again = Evaluator(corpus, questions, StageCache(tmp_path / "cache"))  # what was kept is what was found
    assert ranked(again.trial(NOW)) == ranked(trial)


def ranked(trial: Candidate) -> dict[str, list[str]]:
    """The ids that a trial gives for each query, best first."""
    trial.prepare()
    ids = trial.evaluator.corpus.documents
    return {q: [ids[n] for n in trial.answer(i)[0]] for i, q in enumerate(trial.evaluator.questions.texts)}


def searched(collection: cd.Collection, questions: Questions) -> dict[str, list[str]]:
    """The same of a collection."""
    return {
        id: [hit.id for hit in collection.search(text, where=questions.where.get(id))]
        for id, text in questions.texts.items()
    }


@pytest.fixture(scope="module")
def short(data: Dataset) -> list[dict[str, Any]]:
    """1,030 beginnings of descriptions: as many as a collection needs to fit what learns from them."""
    every = [*data.documents.items(), *((f"{id} again", text[20:]) for id, text in data.documents.items())]
    return [
        {"id": id, "text": text[:90] or "-", "metadata": {"third": n % 3}} for n, (id, text) in enumerate(every[:1030])
    ]


@pytest.fixture(scope="module")
def asked(data: Dataset, short: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Evaluator:
    """25 queries, three of four with a filter, on a collection that has bm25 alone."""
    where = {id: f"third != {n % 3}" for n, id in enumerate(data.queries) if n % 4}
    folder = tmp_path_factory.mktemp("asked")
    with cd.create(folder / "c", "bm25()") as collection:
        collection.add(short)
        corpus = Corpus.of_collection(collection, texts_of(where))
    questions = asked_with(where, usable(data.queries, data.qrels, corpus), corpus, data.queries)
    return Evaluator(corpus, questions.part(0, 25), StageCache(folder / "cache"))


LEARNING = "static() >> pca(64) >> int4() >> flat()"


@pytest.mark.parametrize(
    "expression",
    [
        "static() >> float16() >> flat()",
        "static() >> truncate(64) >> float8() >> flat()",
        LEARNING,
        "static() >> int8() >> flat()",
        "static() >> binary() >> flat()",
        "static() >> tiered(candidates=20)",
        "fuse(static() >> int8() >> flat(), bm25())",
        "fuse(static() >> binary() >> flat('hamming'), bm25(), method='rrf') >> diversify()",
    ],
)
def test_a_trial_ranks_as_a_collection_that_is_made_with_its_pipeline(
    expression: str, short: list[dict[str, Any]], asked: Evaluator, tmp_path: Path
) -> None:
    found = ranked(asked.trial(expression))
    with cd.create(tmp_path / "c", expression) as other:
        other.add(short)
        before = searched(other, asked.questions) if expression == LEARNING else {}
        other.reindex()
        assert searched(other, asked.questions) == found
    if expression == LEARNING:  # until then a collection has the vectors as the encoder gives them
        whole = ranked(asked.trial("static() >> flat()"))
        assert before == whole != found


def test_what_a_small_collection_does_not_learn_yet_is_said(tmp_path: Path) -> None:
    def told(number: int) -> list[str]:
        texts = {str(n): f"text number {n}" for n in range(number)}
        data = Dataset("d", documents=texts, queries={"q": "number 3"}, qrels={"q": {"3": 1}})
        space = ["bm25()", "static() >> float16() >> flat()", "static() >> pca(8) >> int8() >> flat()"]
        found = tune(data, space=space, engine="inside", confirm=False, folder=tmp_path / str(number), refine=False)
        return [one for one in found.sentences if "learns" in one]

    assert told(1000) == []
    assert told(999) == [
        "A collection learns pca(8), int8() from 1,000 passages on, and searches whole vectors until then: measured is what "
        "it does afterwards."
    ]


def test_a_collection_that_is_upgraded_from_whole_vectors_ranks_as_the_trial_does(
    short: list[dict[str, Any]], asked: Evaluator, tmp_path: Path
) -> None:
    for now, equal in (("static() >> flat()", True), ("static() >> float16() >> flat()", False)):
        with cd.create(tmp_path / str(equal), now) as other:
            other.add(short)
            other.upgrade("static() >> int8() >> flat()", mode="reembed")
            other.continue_upgrade()
            # codes of vectors that were kept in 16 bits are not those of the encoder's: near ties change places
            assert (searched(other, asked.questions) == ranked(asked.trial("static() >> int8() >> flat()"))) == equal


def test_answers_are_not_those_of_before_when_the_filter_matches_others_now(tmp_path: Path) -> None:
    texts = ["a red fox", "a fox", "a blue whale"]
    found = []
    for allowed in ([1], [0, 1], None):
        corpus = Corpus(texts, [0, 1, 2], ["a", "b", "c"], allowed={} if allowed is None else {"x": allowed})
        questions = Questions({"q": "red fox"}, {"q": {"a": 1}}, where={} if allowed is None else {"q": "x"})
        trial = Evaluator(corpus, questions, StageCache(tmp_path), k=2).trial("bm25()")
        trial.prepare()
        found.append(trial.answer(0)[0])
        trial.release()
    assert found == [[1], [0, 1], [0, 1]]


def test_a_part_of_the_corpus_has_the_same_filters() -> None:
    corpus = Corpus([*"abcd"], [0, 1, 1, 2], [*"xyz"], allowed={"one": [0, 2], "none": []})
    part = part_of(corpus, [1, 2])
    assert part.documents == ["y", "z"] and part.allowed == {"one": [1], "none": []}
    assert part.masks["one"].tolist() == [False, False, True]


def test_judgments_outside_of_a_filter_are_counted_and_left_out(
    data: Dataset, collection: cd.Collection, where: dict[str, str], tmp_path: Path
) -> None:
    tuned = tune(collection, data.queries, data.qrels, space=SPACE, engine="inside", where=where, confirm=False)
    place = {id: number % 3 for number, id in enumerate(data.documents)}
    wanted = {q: f"{w}"[-1] for q, w in where.items()}
    outside = {q: [d for d in data.qrels[q] if q in wanted and place[d] == int(wanted[q])] for q in data.queries}
    without = [q for q in data.queries if not {d for d, g in data.qrels[q].items() if g > 0} - {*outside[q]}]
    assert tuned.questions.left_out == {
        "judgments of documents that the filter of their query leaves out": sum(map(len, outside.values())),
        "queries whose filter leaves out every relevant document": len(without),
    }
    assert {*tuned.questions.texts} == {*data.queries} - {*without}
    assert all(not {*outside[q]} & {*grades} for q, grades in tuned.questions.qrels.items())
    assert any("are asked with a filter (3 different, which match 67 %" in one for one in tuned.sentences)


def test_one_filter_for_all_and_the_time_of_collections(data: Dataset, collection: cd.Collection) -> None:
    asked: list[str | None] = []
    before = cd.Collection.search

    def search(self: cd.Collection, query: str, *args: object, **options: object) -> object:
        asked.append(options.get("where"))
        return before(self, query, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cd.Collection, "search", search)
        tuned = tune(collection, data.queries, data.qrels, space=SPACE[:2], engine="inside", where="third == 1")
    assert {*asked} == {"third == 1"} and all(row.outcome.confirmed for row in tuned.rows)
    kept = {id for number, id in enumerate(data.documents) if number % 3 == 1}
    assert all({*grades} <= kept for grades in tuned.questions.qrels.values())
    made = tune(
        collection, mode="synthetic", number=20, space=SPACE[:2], engine="inside", where="third == 1", confirm=False
    )
    assert {*made.questions.texts} <= kept
    exact = tune(
        collection, data.queries, mode="fidelity", space=SPACE[:2], engine="inside", where="third == 1", confirm=False
    )
    assert all({*grades} <= kept for grades in exact.questions.qrels.values())


def test_filters_that_cannot_be(data: Dataset, collection: cd.Collection) -> None:
    with pytest.raises(InputError, match='filters are for collections: the documents of the data set "small"'):
        tune(data, where="third == 1")
    with pytest.raises(InputError, match="a filter for the query 'nobody', which is not among the queries"):
        tune(collection, data.queries, data.qrels, where={"nobody": "third == 1"})
    with pytest.raises(InputError, match="filters by query are for queries that are given"):
        tune(collection, mode="synthetic", where={"nobody": "third == 1"})
    with pytest.raises(WhereError):
        tune(collection, data.queries, data.qrels, where="third ==")
    with pytest.raises(InputError, match="the filters leave out the relevant documents of all 80"):
        tune(collection, data.queries, data.qrels, where="third == 7")


def test_filters_on_the_command_line(data: Dataset, collection: cd.Collection, tmp_path: Path) -> None:
    queries, qrels, pipelines = tmp_path / "q.jsonl", tmp_path / "r.tsv", tmp_path / "pipelines"
    lines = [{"_id": id, "text": text, "where": {"third": {"$ne": 1}}} for id, text in data.queries.items()]
    queries.write_text("\n".join(map(json.dumps, lines)))
    qrels.write_text("\n".join(f"{q}\t{d}\t{g}" for q, grades in data.qrels.items() for d, g in grades.items()))
    pipelines.write_text("bm25()\n")
    collection.close()
    command = [
        "tune",
        str(collection.folder),
        "--queries",
        str(queries),
        "--qrels",
        str(qrels),
        "--pipelines",
        str(pipelines),
    ]
    said = CliRunner().invoke(app, [*command, "--where", "third < 2", "--json"])
    assert said.exit_code == 0, said.output
    assert any("(1 different, which matches 33 %" in one for one in json.loads(said.stdout)["sentences"])
    queries.write_text('{"_id": "1", "text": "a", "where": 3}')
    said = CliRunner().invoke(app, command)
    assert isinstance(said.exception, InputError) and "where is an expression or an object, not 3" in str(
        said.exception
    )
