"""Hard negatives against a search of all documents, and the table that they are kept in."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.learn.mining.hard_negatives import HardNegatives
from codomain.learn.mining.table import CandidateTable

RNG = np.random.default_rng(0)


def unit(*shape):
    X = RNG.standard_normal(shape).astype(np.float32)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


Q, D = unit(1100, 6), unit(300, 6)  # more queries than one block
POSITIVES = np.array([(q, d) for q in range(1090) for d in RNG.choice(300, 1 + q % 3, replace=False)])


def slowly(k, depth, margin):
    """Negatives of each query: all documents in order of their score, one rule after the other."""
    for query in range(len(Q)):
        scores = D @ Q[query]
        right = POSITIVES[POSITIVES[:, 0] == query, 1]
        wrong = [d for d in np.argsort(-scores).tolist() if d not in right][:depth]
        if margin is not None and len(right):
            wrong = [d for d in wrong if scores[d] <= scores[right].min() - margin]
        yield wrong[:k]


@pytest.mark.parametrize(
    ("k", "depth", "margin"), [(5, 5, None), (4, 40, None), (4, 40, 0.1), (3, 300, 0.5), (200, 300, 0.2)]
)
def test_negatives_are_those_of_a_search_of_all_documents(k, depth, margin):
    table = HardNegatives(k, depth, margin).mine(Q, D, POSITIVES)
    for found, expected in zip(table.negatives(k), slowly(k, depth, margin), strict=True):
        assert found[found >= 0].tolist() == expected


def test_a_copy_of_a_positive_is_left_out_by_any_margin():
    documents = np.concatenate([D, D[POSITIVES[:, 1]][:300]])
    table = HardNegatives(5, 50, margin=1e-6).mine(Q, documents, POSITIVES)
    of_query = dict(POSITIVES[::-1].tolist())
    wrong = table.keep(~table.positive)
    assert not any(
        np.array_equal(documents[row], documents[of_query[q]])
        for q, row in zip(wrong.queries.tolist(), wrong.rows.tolist(), strict=True)
        if q in of_query
    )


def test_equal_scores_are_ordered_by_row():
    table = HardNegatives(3).mine(np.ones((2, 2)), np.ones((3, 2)), np.array([[0, 1]]))
    assert table.negatives(3).tolist() == [[0, 2, -1], [0, 1, 2]]


@pytest.mark.parametrize("arguments", [{"k": 0}, {"k": 10, "depth": 9}, {"margin": -1}, {"k": 2.5}])
def test_arguments_out_of_range_are_named(arguments):
    with pytest.raises(ValueError, match=[*arguments][-1]):
        HardNegatives(**arguments)


# --- the table --------------------------------------------------------------------------------------------------


def table():
    pairs = [[2, 9], [0, 5], [0, 3], [0, 4], [2, 8], [2, 7], [2, 1], [3, 0]]
    return CandidateTable.of(
        4, pairs, [0.1, 0.9, 0.2, 0.8, 0.5, 0.7, 0.5, 0.3], [True, True, False, False, False, False, True, False]
    )


def test_a_table_has_positives_first_and_each_part_by_falling_score():
    assert table().offsets.tolist() == [0, 3, 3, 7, 8]
    assert table().rows.tolist() == [5, 4, 3, 1, 9, 7, 8, 0]
    assert table().queries.tolist() == [0, 0, 0, 2, 2, 2, 2, 3]
    assert len(table()) == 4


def test_negatives_are_padded_and_tuples_need_all_of_theirs():
    assert table().negatives(2).tolist() == [[4, 3], [-1, -1], [7, 8], [0, -1]]
    assert table().tuples(2).tolist() == [[0, 5, 4, 3], [2, 1, 7, 8], [2, 9, 7, 8]]
    assert table().tuples(0).tolist() == [[0, 5], [2, 1], [2, 9]]
    assert table().tuples(3).shape == (0, 5)


def test_keeping_some_leaves_the_queries():
    kept = table().keep(table().scores > 0.4)
    assert len(kept) == 4 and kept.rows.tolist() == [5, 4, 1, 7, 8] and kept.offsets.tolist() == [0, 2, 2, 5, 5]


@pytest.mark.parametrize("some", [table(), CandidateTable.of(0, [], [], []), CandidateTable.of(3, [], [], [])])
def test_a_file_keeps_a_table(tmp_path, some):
    some.save(tmp_path / "t")
    back = CandidateTable.load(tmp_path / "t")
    assert [p.name for p in tmp_path.iterdir()] == ["t"] and len(back) == len(some)
    for name in ("offsets", "rows", "scores", "positive"):
        assert np.array_equal(getattr(back, name), getattr(some, name))


def test_what_is_no_table_is_one_sentence(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "t"
    with pytest.raises(InputError, match="cannot be read"):
        CandidateTable.load(path)
    table().save(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match="is damaged"):
        CandidateTable.load(path)
    save_file({"rows": np.arange(3)}, path)
    with pytest.raises(InputError, match="is not a table"):
        CandidateTable.load(path)
    arrays = {name: getattr(table(), name) for name in ("offsets", "rows", "scores", "positive")}
    save_file({**arrays, "rows": np.arange(3)}, path, {"format": "codomain candidates 1"})
    with pytest.raises(InputError, match="of equal length"):
        CandidateTable.load(path)
    save_file({"rows": np.arange(3)}, path, {"format": "codomain candidates 1"})
    with pytest.raises(InputError, match="is damaged"):
        CandidateTable.load(path)
    with pytest.raises(InputError, match="cannot be written"):
        table().save(tmp_path / "none" / "t")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (([0, 2], [1], [0.5], [True]), "offsets that divide"),
        (([1, 1], [1], [0.5], [True]), "offsets that divide"),
        (([0, 2, 1], [1], [0.5], [True]), "offsets that divide"),
        (([], [], [], []), "offsets that divide"),
        (([0, 1], [1], [0.5, 0.6], [True]), "equal length"),
        (([0, 1], [-1], [0.5], [True]), "negative row"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, sentence):
    with pytest.raises(InputError, match=sentence):
        CandidateTable(*map(np.array, arrays))


def test_pairs_of_other_queries_are_refused():
    with pytest.raises(InputError, match="for 2 queries"):
        CandidateTable.of(2, [[2, 0]], [1.0], [True])
