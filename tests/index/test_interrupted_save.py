"""A save that is interrupted, wherever that is, leaves the index that was there or is finished by the next load."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from codomain import pipeline
from codomain.arrays import Ragged
from codomain.index import verify

rng = np.random.default_rng(0)
OLD, NEW = (rng.standard_normal((n, 16)).astype(np.float32) for n in (60, 90))


def ragged(vectors):
    return Ragged(np.repeat(vectors, 2, axis=0), np.arange(len(vectors) + 1) * 2)


FORMS = {
    "flat()": lambda v: v,
    "hnsw()": lambda v: v,
    "ivf()": lambda v: v,
    "filtered()": lambda v: v,
    "ivf_attr()": lambda v: v,
    "tiered()": lambda v: v,
    "prototypes(whiten=8)": lambda v: v,
    "recompute()": lambda v: v,
    "multivector(candidates='pooled')": ragged,
    "multivector(store='disk')": ragged,
    "sparse()": scipy.sparse.csr_array,
    "bm25()": lambda v: [f"text {row}" for row in range(len(v))],
}


class Interrupted(Exception):
    pass


def interrupt(monkeypatch, after):
    """Break off at the n-th step that changes the folder: a file that is opened to be written, or replaced."""
    left = [after]

    def step():
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted

    real_open, real_replace = Path.open, os.replace

    def opened(self, mode="r", *arguments, **keywords):
        if "w" in mode:
            step()
        return real_open(self, mode, *arguments, **keywords)

    def replaced(*arguments, **keywords):
        step()
        return real_replace(*arguments, **keywords)

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(os, "replace", replaced)
    return left


@pytest.mark.parametrize("expression", FORMS)
def test_an_interrupted_save_leaves_a_usable_index(expression, tmp_path, monkeypatch):
    def made():
        return pipeline(expression).stages[0]

    form = FORMS[expression]
    made().build(form(OLD)).save(tmp_path / "old")
    steps, counts = 0, set()
    while True:
        place = tmp_path / f"try{steps}"
        shutil.copytree(tmp_path / "old", place)
        newer = made().build(form(NEW))
        left = interrupt(monkeypatch, steps)
        with suppress(Interrupted):
            newer.save(place)
        monkeypatch.undo()
        again = made().load(place)
        assert len(again) in (len(OLD), len(NEW))
        counts.add(len(again))
        verify(place)
        newer.save(place)  # and the next save goes through
        assert len(made().load(place)) == len(NEW)
        shutil.rmtree(place)
        if left[0] >= 0:
            break
        steps += 1
    assert steps >= 3 and counts == {len(OLD), len(NEW)}


def test_what_was_saved_before_is_cleared_away(tmp_path):
    index = pipeline("tiered()").stages[0].build(OLD)
    for _ in range(3):
        index.save(tmp_path)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
    assert not list(tmp_path.rglob("*.new"))
