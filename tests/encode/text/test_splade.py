"""splade() against sentence-transformers itself: a tiny masked language model made here, saved and loaded again."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import codomain as cd
from codomain.encode.text import splade
from codomain.encode.text.splade import SpladeEncoder
from codomain.errors import InputError, MissingExtra, PipelineError

TEXTS = ["red fox", "", "blue whale in the sea", "fox " * 50]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "fox", "blue", "whale", "in", "the", "sea"]
needs_model = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None, reason="needs pip install 'codomain[learn]'"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BERT of two layers with random weights and a vocabulary of twelve words, as a SPLADE model."""
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    torch.manual_seed(0)
    base = tmp_path_factory.mktemp("bert")
    (base / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(str(base / "vocab.txt"), model_max_length=32).save_pretrained(base)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        initializer_range=0.5,
    )
    BertForMaskedLM(config).save_pretrained(base)
    saved = tmp_path_factory.mktemp("splade")
    prompts = {"query": "the ", "document": ""}
    SparseEncoder(modules=[MLMTransformer(str(base)), SpladePooling("max")], prompts=prompts, device="cpu").save(
        str(saved)
    )
    return str(saved)


@pytest.fixture(scope="module")
def library(folder):
    from sentence_transformers import SparseEncoder

    return SparseEncoder(folder, device="cpu")


@needs_model
@pytest.mark.needs_learn
def test_vectors_are_those_of_the_library_by_role_and_empty_texts_have_none(folder, library):
    encoder = SpladeEncoder(folder, device="cpu")
    asked = [TEXTS[0], *TEXTS[2:]]
    for found, wanted in (
        (encoder.encode_documents(TEXTS), library.encode_document(asked)),
        (encoder.encode_queries(TEXTS), library.encode_query(asked)),
    ):
        assert found.shape == (4, len(WORDS)) and found.dtype == np.float32 and found.nnz > 0
        np.testing.assert_allclose(found.toarray()[[0, 2, 3]], wanted.to_dense().numpy(), atol=1e-5)
        assert found.indptr[1] == found.indptr[2] and found.has_sorted_indices
    queries, documents = encoder.encode_queries(TEXTS), encoder.encode_documents(TEXTS)
    assert abs(queries - documents).max() > 1e-3  # the prompt of queries
    assert encoder.encode_documents([]).shape == (0, len(WORDS)) == (0, encoder.dim)


@needs_model
@pytest.mark.needs_learn
def test_only_the_heaviest_weights_are_kept(folder, library):
    done = []
    found = SpladeEncoder(folder, max_active_dims=2, device="cpu").encode_documents(
        TEXTS, lambda _, n, total: done.append(n)
    )
    full = library.encode_document([TEXTS[2]]).to_dense().numpy()[0]
    assert sorted(found[[2]].indices) == sorted(np.argsort(-full)[:2]) and done == [4]


@needs_model
@pytest.mark.needs_learn
def test_the_fingerprint_follows_weights_and_settings(folder):
    import torch

    one = SpladeEncoder(folder, device="cpu")
    assert one.fingerprint == SpladeEncoder(folder, device="cpu", batch_size=7).fingerprint
    assert one.fingerprint != SpladeEncoder(folder, device="cpu", max_active_dims=3).fingerprint
    assert one.fingerprint != SpladeEncoder(folder, device="cpu", max_length=5).fingerprint
    other = SpladeEncoder(folder, device="cpu")
    with torch.no_grad():
        next(other.network.parameters()).view(-1)[0] += 1e-3
    assert one.fingerprint != other.fingerprint


@needs_model
@pytest.mark.needs_learn
def test_what_is_no_model_gives_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for wrong in (str(tmp_path), "no/such-model-anywhere"):
        with pytest.raises(InputError, match="cannot load the model"):
            SpladeEncoder(wrong, device="cpu").encode_documents(["a"])


def test_a_missing_package_gives_the_command(monkeypatch):
    monkeypatch.setattr(splade, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'codomain\[learn\]'"):
        SpladeEncoder("a/b").encode_documents(["a"])


def test_it_is_printed_as_it_was_written():
    assert str(cd.pipeline("splade('x/y', max_length=64)")) == "splade('x/y', max_length=64)"
    with pytest.raises(PipelineError, match="name of a model"):
        cd.pipeline("splade(3)")
