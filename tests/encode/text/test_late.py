"""late() against sentence-transformers itself, with real weights, plain and trained for late interaction."""

from __future__ import annotations

import numpy as np
import pytest

import codomain as cd
from codomain.arrays import Ragged
from codomain.errors import PipelineError
from codomain.registry import stage_class

TEXTS = ["a cat on a mat", "", "The lift of a slender wing at supersonic speed.", "tax law " * 200]
pytestmark = pytest.mark.needs_learn


def late(*args, **options):
    return stage_class("late")(*args, device="cpu", **options)


def unit(tokens):
    return tokens / np.linalg.norm(tokens, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def model():
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(late()._source(), device="cpu")


def test_tokens_are_the_last_hidden_states_without_the_special_ones(model):
    found = late().encode_documents(TEXTS)
    assert isinstance(found, Ragged) and found.values.dtype == np.float16
    for i in (0, 2, 3):
        states = model.encode(TEXTS[i], output_value="token_embeddings").cpu().numpy()
        expected = unit(states[1:-1])  # [CLS] and [SEP]
        np.testing.assert_allclose(found.take(np.array([i])).values.astype(np.float32), expected, atol=2e-3)
    assert found.lengths[1] == 0
    assert found.lengths[3] == 254
    alone = late(dtype="float32").encode_documents(TEXTS[2:3]).values  # padding and its neighbours change nothing
    np.testing.assert_allclose(found.take(np.array([2])).values, alone, atol=2e-3)


def test_queries_are_float32_and_of_length_one():
    values = late().encode_queries(TEXTS).values
    assert values.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, atol=1e-5)


def test_texts_are_cut_at_max_length():
    assert late(max_length=10).encode_documents(TEXTS).lengths.tolist() == [5, 0, 8, 8]


def test_a_text_of_special_tokens_only_is_its_pooled_vector(model):
    found = late(dtype="float32").encode_documents(["[SEP]"])
    expected = model.encode(["[SEP]"], normalize_embeddings=True)
    np.testing.assert_allclose(found.values, expected, atol=1e-5)


def test_pooling_merges_the_tokens_that_are_most_alike(model):
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    tokens = late(dtype="float32").encode_documents(TEXTS[2:3]).values
    distances = np.clip(1 - tokens @ tokens.T, 0, 2)
    np.fill_diagonal(distances, 0)
    groups = fcluster(linkage(squareform(distances, checks=False), "ward"), len(tokens) // 2, "maxclust")
    expected = unit(np.stack([tokens[groups == g].mean(axis=0) for g in np.unique(groups)]))
    pooled = late(pool=2, dtype="float32").encode_documents(TEXTS[2:3]).values
    np.testing.assert_allclose(pooled, expected, atol=1e-4)
    assert len(late(pool=2).encode_queries(TEXTS[2:3]).values) == len(tokens)


def test_a_model_trained_for_late_interaction_runs_as_it_was_trained(tmp_path):
    import torch
    from sentence_transformers import MultiVectorEncoder

    torch.manual_seed(0)
    trained = MultiVectorEncoder(late()._source(), device="cpu")
    trained.save(str(tmp_path / "colbert"))
    encoder = late(str(tmp_path / "colbert"), dtype="float32")
    assert encoder.dim == 128
    for found, expected in (
        (encoder.encode_documents(TEXTS[2:]), trained.encode_document(TEXTS[2:], convert_to_numpy=True)),
        (encoder.encode_queries(TEXTS[2:]), trained.encode_query(TEXTS[2:], convert_to_numpy=True)),
    ):
        np.testing.assert_allclose(found.values, np.concatenate(expected), atol=1e-5)
    fewer = late(str(tmp_path / "colbert"), pool=2).encode_documents(TEXTS[2:])
    assert (fewer.lengths < [len(tokens) for tokens in trained.encode_document(TEXTS[2:])]).all()


def test_prompts_are_read_but_give_no_vectors(tmp_path, model):
    model.save(str(tmp_path / "prompted"))
    path = tmp_path / "prompted" / "config_sentence_transformers.json"
    path.write_text('{"prompts": {"query": "query: "}, "model_type": "SentenceTransformer"}')
    encoder = late(str(tmp_path / "prompted"))
    found = encoder.encode_queries(TEXTS[:1])
    states = model.encode("query: " + TEXTS[0], output_value="token_embeddings").cpu().numpy()
    np.testing.assert_allclose(found.values, unit(states[3:-1]), atol=1e-5)
    assert encoder.encode_documents(TEXTS[:1]).lengths.tolist() == [5]


def test_what_changes_a_vector_changes_the_fingerprint():
    prints = {late(**options).fingerprint for options in ({}, {"pool": 2}, {"dtype": "float32"}, {"max_length": 9})}
    assert len(prints) == 4
    assert late().fingerprint == late(batch_size=7).fingerprint


def test_it_is_written_and_read_like_any_stage():
    assert str(cd.pipeline("late(pool=2.0, max_length=128)")) == "late(max_length=128, pool=2.0)"
    for wrong in ("late(3)", "late(pool=0)", "late(dtype='int8')", "late(batch_size=0)"):
        with pytest.raises(PipelineError, match="late"):
            cd.pipeline(wrong)
