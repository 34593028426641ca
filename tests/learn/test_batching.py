"""Batches: an order that a seed decides, and no item twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomain.learn.batching.no_duplicates import NoDuplicates
from codomain.learn.batching.shuffled import Shuffled, shuffled


@pytest.mark.parametrize(("rows", "sizes"), [(10, [4, 4, 2]), (8, [4, 4]), (3, [3]), (0, [])])
def test_shuffled_batches_are_cut_from_one_order_of_all_rows(rows, sizes):
    batches = list(Shuffled(4)(np.zeros((rows, 1), int), 2, 7))
    assert [len(batch) for batch in batches] == sizes
    assert np.array_equal(np.concatenate([*batches, []]), shuffled(rows, 2, 7))


def test_an_epoch_is_a_draw_of_the_seeds_generator():
    rng = np.random.default_rng(5)
    for epoch in range(4):
        assert np.array_equal(shuffled(100, epoch, 5), rng.permutation(100))


CODES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=40)


@given(CODES, st.integers(1, 7))
def test_no_batch_has_an_item_in_two_rows_and_no_row_is_lost(pairs, size):
    codes = np.array(pairs, int).reshape(-1, 2)
    batches = list(NoDuplicates(size)(codes, 0, 0))
    for batch in batches:
        assert 1 <= len(batch) <= size
        items = [set(codes[row].tolist()) for row in batch]
        assert len(set.union(*items)) == sum(map(len, items))
    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(len(codes)))


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 7))
def test_a_row_goes_into_the_first_batch_with_room_after_those_with_its_item(items, size):
    codes, expected = np.array(items, int)[:, None], []
    for row in shuffled(len(codes), 0, 3).tolist():
        last = max((i for i, batch in enumerate(expected) if codes[row] in codes[batch]), default=-1)
        fits = [batch for batch in expected[last + 1 :] if len(batch) < size]
        if not fits:
            fits = [[]]
            expected += fits
        fits[0].append(row)
    assert [batch.tolist() for batch in NoDuplicates(size)(codes, 0, 3)] == expected


def test_without_duplicates_batches_are_those_of_shuffling():
    codes = np.arange(200).reshape(100, 2)
    for a, b in zip(NoDuplicates(16)(codes, 1, 2), Shuffled(16)(codes, 1, 2), strict=True):
        assert np.array_equal(a, b)
