"""What every miner promises, whichever are registered."""

import json

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.learn.arguments import arguments_of, make
from codomain.learn.mining.table import CandidateTable
from codomain.registry import names

RNG = np.random.default_rng(0)
Q = RNG.standard_normal((30, 8)).astype(np.float32)
D = RNG.standard_normal((200, 8)).astype(np.float32)
POSITIVES = np.array([(q, d) for q in range(28) for d in RNG.choice(200, 1 + q % 3, replace=False)])
"""The last two queries have none."""


@pytest.fixture(params=names("miner"))
def miner(request):
    return make("miner", request.param)


def candidates(table, query):
    part = slice(table.offsets[query], table.offsets[query + 1])
    return table.rows[part], table.scores[part], table.positive[part]


def test_all_positives_are_flagged_and_none_is_a_negative(miner):
    table = miner.mine(Q, D, POSITIVES)
    assert len(table) == len(Q)
    for query in range(len(Q)):
        rows, _, positive = candidates(table, query)
        assert set(rows[positive]) == set(POSITIVES[POSITIVES[:, 0] == query, 1])
        assert len(set(rows)) == len(rows)


def test_scores_are_inner_products(miner):
    table = miner.mine(Q, D, POSITIVES)
    assert np.allclose(table.scores, (Q[table.queries] * D[table.rows]).sum(axis=1), atol=1e-5)


def test_positives_come_first_and_scores_fall(miner):
    table = miner.mine(Q, D, POSITIVES)
    for query in range(len(Q)):
        _, scores, positive = candidates(table, query)
        for part in (scores[positive], scores[~positive]):
            assert (np.diff(part) <= 0).all()
        assert not (np.diff(positive.astype(int)) > 0).any()


def test_it_finds_negatives_in_data_without_any_structure(miner):
    table = miner.mine(Q, D, POSITIVES)
    assert (~table.positive).sum() >= len(Q) / 2


def test_mining_again_finds_the_same(miner):
    a, b = (miner.mine(Q, D, POSITIVES) for _ in range(2))
    assert all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("offsets", "rows", "scores", "positive"))


@pytest.mark.parametrize("documents", [0, 1, 3])
def test_few_documents_are_no_error(miner, documents):
    positives = np.zeros((0, 2), int) if not documents else np.array([[0, 0], [1, documents - 1]])
    table = miner.mine(Q, D[:documents], positives)
    assert len(table) == len(Q) and (table.rows < documents).all()
    assert table.positive.sum() == len(positives)


def test_no_queries_and_no_positives_are_no_error(miner):
    assert len(miner.mine(Q[:0], D, np.zeros((0, 2), int)).rows) == 0
    assert not miner.mine(Q, D, np.zeros((0, 2), int)).positive.any()


def test_other_floats_and_repeated_pairs_are_taken(miner):
    expected = miner.mine(Q, D, POSITIVES)
    for queries, documents in (
        (Q.astype(np.float64), D.astype(np.float64)),
        (np.asfortranarray(Q), D[:, ::-1][:, ::-1]),
    ):
        found = miner.mine(queries, documents, np.concatenate([POSITIVES, POSITIVES[::-1]]).astype(np.int32))
        assert np.array_equal(found.rows, expected.rows) and np.array_equal(found.positive, expected.positive)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"Q": Q * np.nan}, "NaN"),
        ({"D": D[:, :5]}, "5 dimensions where 8"),
        ({"positives": POSITIVES + np.array([0, 200])}, "not among 30 queries and 200 documents"),
        ({"positives": -POSITIVES - 1}, "not among"),
        ({"positives": POSITIVES.astype(float)}, "pairs of whole numbers"),
        ({"positives": POSITIVES[:, 0]}, "pairs of whole numbers"),
    ],
)
def test_what_cannot_be_mined_is_one_sentence(miner, change, sentence):
    with pytest.raises(InputError, match=sentence):
        miner.mine(**{"Q": Q, "D": D, "positives": POSITIVES, **change})


def test_its_arguments_are_json_and_a_table_is_kept_in_a_file(miner, tmp_path):
    name = next(name for name in names("miner") if type(make("miner", name)) is type(miner))
    again = make("miner", name, json.loads(json.dumps(arguments_of(miner))))
    table = again.mine(Q, D, POSITIVES)
    table.save(tmp_path / "table")
    back = CandidateTable.load(tmp_path / "table")
    for part in ("offsets", "rows", "scores", "positive"):
        assert (
            np.array_equal(getattr(back, part), getattr(table, part))
            and getattr(back, part).dtype == getattr(table, part).dtype
        )
