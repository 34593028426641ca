"""What every batcher promises, whichever are registered."""

import json

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.learn.arguments import arguments_of, make
from codomain.registry import names

RNG = np.random.default_rng(0)
CODES = {
    "each row another": np.arange(50)[:, None],
    "pairs of few items": RNG.integers(12, size=(50, 2)),
    "one item": np.zeros((20, 1), int),
    "one row": np.array([[7, 7]]),
    "no rows": np.zeros((0, 2), int),
}


@pytest.fixture(params=names("batcher"))
def name(request):
    return request.param


def epoch_of(batcher, codes, epoch=0, seed=0):
    return [rows.tolist() for rows in batcher(codes, epoch, seed)]


@pytest.mark.parametrize("codes", CODES.values(), ids=CODES)
def test_batches_are_row_numbers_and_no_row_is_twice_in_an_epoch(name, codes):
    for rows in make("batcher", name)(codes, 0, 0):
        assert isinstance(rows, np.ndarray) and np.issubdtype(rows.dtype, np.integer) and len(rows)
    rows = [row for batch in epoch_of(make("batcher", name), codes) for row in batch]
    assert len(rows) == len(set(rows)) and set(rows) <= set(range(len(codes)))


def test_an_epoch_depends_on_codes_epoch_and_seed_alone(name):
    codes, batcher = CODES["pairs of few items"], make("batcher", name)
    in_order = [epoch_of(batcher, codes, epoch) for epoch in range(4)]
    np.random.random(7)  # whoever draws from the global generator changes nothing
    assert [epoch_of(make("batcher", name), codes, epoch) for epoch in (3, 1, 2, 0)] == [
        in_order[i] for i in (3, 1, 2, 0)
    ]


def test_epochs_and_seeds_differ(name):
    codes, batcher = CODES["each row another"], make("batcher", name)
    different = [epoch_of(batcher, codes, epoch, seed) for epoch, seed in ((0, 0), (1, 0), (0, 1), (1, 1))]
    assert all(a != b for i, a in enumerate(different) for b in different[:i])


def test_it_leaves_the_global_generator_and_the_codes_alone(name):
    codes = CODES["pairs of few items"].copy()
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    epoch_of(make("batcher", name), codes)
    assert np.random.random() == expected and np.array_equal(codes, CODES["pairs of few items"])


def test_its_arguments_are_json_and_make_it_again(name):
    batcher = make("batcher", name)
    again = make("batcher", name, json.loads(json.dumps(arguments_of(batcher))))
    assert epoch_of(again, CODES["each row another"]) == epoch_of(batcher, CODES["each row another"])


def test_an_unknown_argument_is_named(name):
    with pytest.raises(InputError, match=f"{name}.*no_such"):
        make("batcher", name, {"no_such": 1})
