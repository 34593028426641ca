"""LIMIT as made here: who is asked for, who is not, and what lexical and dense search make of it."""

import re
from itertools import combinations

import pytest

from codomain.errors import InputError
from codomain.measure import evaluate
from codomain.measure.build.limit_dataset import make_limit


def likes(text: str) -> list[str]:
    things = re.fullmatch(r"(\w+ \w+) likes (.*) and (.*)\.", text)
    return [*things[2].split(", "), things[3]]


@pytest.mark.parametrize("pattern", ["dense", "random", "cycle", "disjoint"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_thing_is_liked_by_the_people_who_answer_its_query_and_by_nobody_else(pattern, k):
    data = make_limit(400, 100, k, pattern, seed=3)
    assert (len(data.documents), len(data.queries), len({*data.queries.values()})) == (400, 100, 100)
    people = {name: likes(text) for name, text in data.documents.items()}
    assert all(len({*things}) == len(things) >= 46 for things in people.values())
    for query, text in data.queries.items():
        thing = re.fullmatch(r"Who likes (.*)\?", text)[1]
        assert {name for name, things in people.items() if thing in things} == {*data.qrels[query]}
        assert len(data.qrels[query]) == k


def test_dense_asks_for_all_pairs_of_as_few_people_as_there_can_be():
    data = make_limit(200, 45)
    asked = [tuple(sorted(found)) for found in data.qrels.values()]
    people = sorted({name for pair in asked for name in pair})
    assert sorted(asked) == sorted(tuple(sorted(pair)) for pair in combinations(people, 2)) and len(people) == 10
    # 46 people have 1,035 pairs, and 45 have 990: the size of the published set
    assert len({name for found in make_limit(100).qrels.values() for name in found}) == 46


def test_the_other_patterns_are_what_they_are_called():
    disjoint = [name for found in make_limit(100, 50, 2, "disjoint").qrels.values() for name in found]
    assert len({*disjoint}) == 100
    cycle = list(make_limit(100, 50, 2, "cycle").qrels.values())
    assert all(len({*a} & {*b}) == 1 for a, b in zip(cycle, [*cycle[1:], cycle[0]], strict=True))


def test_the_seed_decides():
    assert make_limit(60, 30) == make_limit(60, 30) != make_limit(60, 30, seed=1)


def test_words_find_what_a_vector_of_256_dimensions_cannot():
    data = make_limit(2000, 500)
    recall = {
        pipeline: evaluate(pipeline, data, ["R@2"], k=2).mean("R@2")
        for pipeline in ("bm25()", "char_ngrams() >> sparse(weighting='idf')", "static() >> flat()")
    }
    assert recall["bm25()"] > 0.9 and recall["char_ngrams() >> sparse(weighting='idf')"] > 0.9
    assert recall["static() >> flat()"] < 0.5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n_docs": 5, "n_queries": 100}, "needs 15 documents"),
        ({"n_queries": 100_000}, "nouns"),
        ({"pattern": "star"}, "knows the patterns"),
        ({"k": 0}, "needs k to be a whole number"),
        ({"n_docs": 30, "n_queries": 20, "pattern": "disjoint"}, "needs 40 documents"),
    ],
)
def test_what_cannot_be_made_is_a_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        make_limit(**arguments)
