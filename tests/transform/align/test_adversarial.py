"""Two spaces translated by networks: where the truth is known, and what is refused."""

import numpy as np
import pytest

from codomain.transform.align.adversarial import AdversarialTranslator
from codomain.transform.estimator import VectorError
from codomain.transform.files import load_transform, save_transform

pytestmark = pytest.mark.needs_learn


def turned(n=500, seed=0):
    """Unit vectors of five clusters of unequal size on a circle: n turned, n others, and 200 in both forms."""
    rng = np.random.default_rng(seed)
    angles = np.array([0, 0.5, 1.3, 2.6, 4.2])[rng.choice(5, 2 * n + 200, p=[0.35, 0.25, 0.2, 0.12, 0.08])]
    angles += 0.1 * rng.standard_normal(len(angles))
    x = np.float32(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    R = np.linalg.qr(rng.standard_normal((2, 2)))[0].astype(np.float32)
    return x[:n] @ R, x[n : 2 * n], x[2 * n :] @ R, x[2 * n :]


def translator(**changed):
    settings = {"width": 32, "steps": 3, "batch_size": 64, "lr": 1e-3, "judge_lr": 5e-4, "dropout": 0.0}
    return AdversarialTranslator(**{**settings, **changed})


def test_dimensions_may_differ_and_zero_and_repeated_rows_do_no_harm():
    X, _, asked, _ = turned(100)
    y = np.random.default_rng(0).standard_normal((50, 5)).astype(np.float32)
    translate = translator().fit(np.concatenate([X, X, np.zeros((3, 2), np.float32)]), y)
    moved = translate.transform(np.concatenate([asked, np.zeros((1, 2), np.float32)]))
    assert moved.shape == (201, 5) and np.isfinite(moved).all()
    assert np.allclose(np.linalg.norm(moved[:-1], axis=1), 1, atol=1e-5) and not moved[-1].any()


def test_equal_seeds_give_equal_translators_and_the_global_generator_is_left_alone():
    import torch

    X, y, asked, _ = turned(100)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, two = (translator().fit(X, y) for _ in range(2))
    assert torch.rand(1) == expected
    assert one.fingerprint == two.fingerprint != translator(seed=1).fit(X, y).fingerprint
    assert np.array_equal(one.transform(asked), two.transform(asked))


def test_a_file_keeps_a_translator(tmp_path):
    X, y, asked, _ = turned(100)
    translate = translator().fit(X, y)
    save_transform(translate, tmp_path / "map")
    assert np.array_equal(load_transform(tmp_path / "map").transform(asked), translate.transform(asked))


def test_every_part_of_the_network_learns():
    import torch
    from torch.nn.utils import parameters_to_vector

    from codomain.transform.training.adversarial import Translator

    X, y, *_ = turned(100)
    settings = translator(steps=1)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        start = Translator((2, 2), settings.width, settings.dropout)
    moved = settings.fit(X, y).weights_ - parameters_to_vector(start.parameters()).detach().numpy()
    at = 0
    for name, weights in start.named_parameters():
        assert moved[at : at + weights.numel()].any(), name
        at += weights.numel()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"y": None}, "two sides"),
        ({"y": np.zeros((5, 2))}, "fewer than two vectors"),
        ({"X": np.full((5, 2), np.nan)}, "NaN|nan|finite"),
    ],
)
def test_what_cannot_be_translated_is_one_sentence(change, sentence):
    X, y, *_ = turned(50)
    with pytest.raises(VectorError, match=sentence):
        translator().fit(**{"X": X, "y": y, **change})


@pytest.mark.parametrize("argument", [{"width": 0}, {"steps": 0}, {"batch_size": 1}, {"dropout": 1}, {"lr": -1}])
def test_arguments_out_of_range_are_named(argument):
    X, y, *_ = turned(50)
    with pytest.raises(VectorError):
        translator(**argument).fit(X, y)
