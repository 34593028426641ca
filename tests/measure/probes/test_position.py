"""Position and context parts against states whose parts are known."""

import math

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.probes.position import decompose, hidden_states


def states(texts=12, length=20, d=9, seed=0):
    """States with parts of known size: three directions for positions, others for texts, and noise."""
    rng = np.random.default_rng(seed)
    position = np.zeros((length, d))
    position[:, :3] = rng.standard_normal((length, 3))
    context = np.zeros((texts, d))
    context[:, 3:6] = rng.standard_normal((texts, 3))
    noise = rng.standard_normal((texts, length, d))
    position -= position.mean(0)
    context -= context.mean(0)
    noise -= noise.mean(0)
    noise -= noise.mean(1, keepdims=True)
    return position, context, noise


def test_known_parts_are_found_again():
    position, context, noise = states()
    parts = decompose(5 + position + context[:, None] + noise)
    assert parts.mean == pytest.approx(np.full(9, 5))
    assert parts.position == pytest.approx(position) and parts.context == pytest.approx(context)
    assert parts.residual == pytest.approx(noise, abs=1e-12)
    assert parts.coherence() == pytest.approx((0, 0), abs=1e-9)


def test_shares_are_those_of_the_variance_and_add_up():
    position, context, noise = states()
    H = position + context[:, None] + noise
    shares = decompose(H).shares()
    assert sum(shares) == pytest.approx(1)
    assert shares.position == pytest.approx(
        np.var(np.broadcast_to(position, H.shape), axis=(0, 1)).sum() / np.var(H, axis=(0, 1)).sum()
    )
    assert math.isnan(decompose(np.ones((2, 2, 3))).shares().position)


def test_stable_rank_and_smoothness_of_positions():
    angle = 2 * np.pi * np.arange(64) / 64
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    parts = decompose(np.broadcast_to(circle, (3, 64, 3)))
    assert parts.stable_rank() == pytest.approx(2) and parts.smoothness() > 0.95
    rough = np.random.default_rng(0).standard_normal((64, 3))
    assert decompose(np.broadcast_to(rough, (3, 64, 3))).smoothness(8) < 0.4
    assert decompose(np.ones((2, 2, 3))).stable_rank() == 0


def test_coherence_is_the_cosine_of_the_parts():
    one = np.eye(4)[0]
    H = np.arange(5)[None, :, None] * one + np.arange(3)[:, None, None] * one
    assert decompose(H).coherence() == pytest.approx((1, 1))


def test_states_that_cannot_be_taken_apart():
    for H, says in (
        (np.ones((3, 3)), "two of each"),
        (np.ones((1, 5, 3)), "two of each"),
        (np.full((2, 2, 2), np.nan), "NaN"),
    ):
        with pytest.raises(InputError, match=says):
            decompose(H)
    from codomain.encode import StaticEncoder

    with pytest.raises(InputError, match="is no transformer"):
        hidden_states(StaticEncoder(), ["a", "b"])


@pytest.mark.needs_learn
def test_hidden_states_are_those_of_the_model_itself():
    import torch

    from codomain.encode import MiniLMEncoder

    encoder = MiniLMEncoder()
    long = " ".join(["river", "stone", "cloud", "bread"] * 8)
    H, kept = hidden_states(encoder, ["too short", long, "a " + long], length=20)
    assert H.shape == (7, 2, 20, 384) and kept == [1, 2]
    network, tokenizer = encoder.network[0].auto_model, encoder.network.tokenizer
    ids = tokenizer(long, truncation=True, max_length=22, return_tensors="pt")
    with torch.inference_mode():
        expected = network(**ids, output_hidden_states=True).hidden_states
    assert H[3, 0] == pytest.approx(expected[3][0, 1:21].numpy(), abs=1e-4)
    with pytest.raises(InputError, match="have 200 tokens"):
        hidden_states(encoder, [long, long], length=200)
