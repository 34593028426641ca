"""A model that several stages or collections run is loaded once, and none of them notices the others."""

from __future__ import annotations

import copy
import gc
import importlib.util
import pickle
import shutil
import threading
import weakref

import numpy as np
import pytest

import codomain as cd
from codomain.encode import LateEncoder, TransformerEncoder
from codomain.encode.text.window import CutWarning

pytestmark = [
    pytest.mark.needs_learn,
    pytest.mark.skipif(
        importlib.util.find_spec("sentence_transformers") is None, reason="needs pip install 'codomain[learn]'"
    ),
]
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *["red", "fox", "blue", "whale", "in", "the", "sea", "deep", "snow", "hill"],
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A BERT of two layers with random weights, as a model of sentence-transformers."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(0)
    base, folder = tmp_path_factory.mktemp("bert"), tmp_path_factory.mktemp("model")
    (base / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(str(base / "vocab.txt"), model_max_length=32).save_pretrained(base)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, **sizes)).save_pretrained(base)
    transformer = Transformer(str(base))
    SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu").save(str(folder))
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of the model that nothing else has loaded."""
    shutil.copytree(saved, tmp_path / "model")
    return str(tmp_path / "model")


def texts_of(seed, n=60):
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS[5:], random.integers(1, 25))) for _ in range(n)]


def by_the_library(folder, texts, longest=None):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    if longest is not None:
        model.max_seq_length = longest
    return model.encode(texts, normalize_embeddings=True)


def encoder_of(collection):
    return collection.first_dense.plan.encoder


def test_two_collections_run_one_network_and_each_finds_what_it_would_alone(folder, tmp_path):
    pipe = f"st({folder!r}, device='cpu') >> flat()"
    texts = texts_of(1)
    with cd.create(tmp_path / "a", pipe) as a, cd.create(tmp_path / "b", pipe) as b:
        a.add(texts)
        b.add(texts)
        one, other = encoder_of(a), encoder_of(b)
        assert one is not other and one._model is other._model
        np.testing.assert_allclose(a.vectors(a.live_rows()), by_the_library(folder, texts), atol=1e-5)
        assert [hit.id for hit in a.search("deep sea")] == [hit.id for hit in b.search("deep sea")]


def test_stages_of_other_settings_run_the_same_weights_and_keep_their_settings(folder):
    stages = [
        TransformerEncoder(folder, device="cpu"),
        TransformerEncoder(folder, device="cpu", max_length=8),
        TransformerEncoder(folder, device="cpu", query_prompt="the ", batch_size=3),
        LateEncoder(folder, device="cpu"),
    ]
    texts = texts_of(2)
    for _ in range(2):  # the first one again, after the others
        np.testing.assert_allclose(stages[0].encode_documents(texts), by_the_library(folder, texts), atol=1e-5)
        with pytest.warns(CutWarning, match="reads 6 tokens"):
            found = stages[1].encode_documents(texts)
        np.testing.assert_allclose(found, by_the_library(folder, texts, 8), atol=1e-5)
        lengths = np.diff(stages[3].encode_documents(texts).offsets)
        np.testing.assert_array_equal(lengths, [len(text.split()) for text in texts])
    assert [stage.window for stage in stages] == [30, 6, 30, 30]
    assert len({id(stage._model) for stage in stages}) == 1
    assert len({stage.fingerprint for stage in stages}) == 4


def test_a_network_that_is_trained_is_of_its_stage_alone(folder):
    import torch

    texts = texts_of(3)
    expected = by_the_library(folder, texts)
    one, other = (TransformerEncoder(folder, device="cpu") for _ in range(2))
    untrained = one.fingerprint
    network = other.network
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    assert other.network is network and other._model is network
    assert np.abs(other.encode_documents(texts) - expected).max() > 1e-2
    assert other.fingerprint != untrained
    for stage in (one, TransformerEncoder(folder, device="cpu")):
        np.testing.assert_allclose(stage.encode_documents(texts), expected, atol=1e-5)
        assert stage.fingerprint == untrained


def test_a_network_that_one_stage_alone_runs_is_not_copied_and_later_stages_do_not_get_it(folder):
    import torch

    texts = texts_of(4)
    expected = by_the_library(folder, texts)
    one = TransformerEncoder(folder, device="cpu")
    before = one._model
    fingerprint, earlier = one.fingerprint, one.earlier().fingerprint
    assert one.network is before
    with torch.no_grad():
        next(iter(before.parameters())).mul_(-1)
    np.testing.assert_allclose(TransformerEncoder(folder, device="cpu").encode_documents(texts), expected, atol=1e-5)
    assert one.earlier().fingerprint not in (fingerprint, earlier)
    assert TransformerEncoder(folder, device="cpu").earlier().fingerprint == earlier


def test_the_longest_text_of_a_stage_stays_with_its_own_network(folder):
    kept = TransformerEncoder(folder, device="cpu")
    short = TransformerEncoder(folder, device="cpu", max_length=8)
    assert kept.window == 30 and short.network.max_seq_length == 8 and short.window == 6
    short.network.max_seq_length = 10  # a network of one's own may be changed by hand
    assert short.window == 8 and kept.window == 30


def test_threads_that_run_one_model_get_their_own_vectors(folder):
    lengths = [None, 8, 12, 5]
    stages = [TransformerEncoder(folder, device="cpu", max_length=n, batch_size=4) for n in lengths]
    texts = [texts_of(10 + i) for i in range(len(stages))]
    expected = [by_the_library(folder, some, n) for some, n in zip(texts, lengths, strict=True)]
    found: list[list[np.ndarray]] = [[] for _ in stages]
    start = threading.Barrier(len(stages))

    def run(side):
        start.wait()
        for _ in range(5):
            found[side].append(stages[side].encode_documents(texts[side]))
            stages[side].count_tokens(texts[side])

    threads = [threading.Thread(target=run, args=(side,)) for side in range(len(stages))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(stage._model) for stage in stages}) == 1
    for side, vectors in enumerate(found):
        assert len(vectors) == 5
        for one in vectors:
            np.testing.assert_allclose(one, expected[side], atol=1e-5)


def test_a_model_is_freed_with_the_last_stage_that_runs_it(folder):
    one, other = (TransformerEncoder(folder, device="cpu") for _ in range(2))
    model = weakref.ref(one._model)
    other.encode_documents(["red fox"])
    del one
    gc.collect()
    assert model() is other._model
    del other
    gc.collect()
    assert model() is None


def test_a_folder_whose_files_have_changed_is_another_model(folder, tmp_path):
    import torch
    from sentence_transformers import SentenceTransformer

    one = TransformerEncoder(folder, device="cpu")
    before = one.encode_documents(["red fox"])
    other = SentenceTransformer(folder, device="cpu")
    with torch.no_grad():
        next(iter(other.parameters())).mul_(-1)
    other.save(folder)
    changed = TransformerEncoder(folder, device="cpu")
    assert changed._model is not one._model and changed.fingerprint != one.fingerprint
    np.testing.assert_allclose(changed.encode_documents(["red fox"]), by_the_library(folder, ["red fox"]), atol=1e-5)
    np.testing.assert_array_equal(one.encode_documents(["red fox"]), before)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda stage: pickle.loads(pickle.dumps(stage))])
def test_copies_of_a_stage_keep_what_it_has_learnt(folder, copied):
    import torch

    one = TransformerEncoder(folder, device="cpu")
    before = one.encode_documents(["red fox"])
    np.testing.assert_array_equal(copied(one).encode_documents(["red fox"]), before)
    with torch.no_grad():
        next(iter(one.network.parameters())).mul_(-1)
    trained = one.encode_documents(["red fox"])
    again = copied(one)
    np.testing.assert_array_equal(again.encode_documents(["red fox"]), trained)
    with torch.no_grad():
        next(iter(one.network.parameters())).mul_(-1)
    np.testing.assert_array_equal(again.encode_documents(["red fox"]), trained)
