"""What runs a model: the fastest way that gives the same vectors, a device that is there, as many texts as have room."""

from __future__ import annotations

import importlib.util
import json
import shutil

import numpy as np
import pytest
from tests.encode.text.test_shared_models import by_the_library, folder, saved, texts_of  # noqa: F401

import codomain as cd
from codomain.devices import batches, place
from codomain.encode import LateEncoder, TransformerEncoder
from codomain.encode.text import backends, transformer
from codomain.errors import CodomainError, InputError

needs_learn = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None, reason="needs pip install 'codomain[learn]'"
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Clock:
    """Time passes in encoders only."""

    def __init__(self, monkeypatch):
        self.now, self.calls = 0.0, []
        monkeypatch.setattr(backends.time, "perf_counter", lambda: self.now)

    def way(self, name, ms, off=0.0):
        def encode(texts):
            self.calls.append(name)
            self.now += ms / 1e3
            return np.full((len(texts), 4), 0.5 + off, np.float32)

        return encode


def test_the_fastest_way_of_each_role_is_taken_and_a_machine_measures_once(monkeypatch, cache):
    clock = Clock(monkeypatch)
    ways = {
        "query": {"float32": clock.way("float32", 9), "onnx": clock.way("onnx", 4)},
        "document": {"float32": clock.way("float32", 50), "onnx": clock.way("onnx", 70, 1e-4)},
    }
    assert backends.fastest("m()", "weights", ways) == {"query": "onnx", "document": "float32"}
    assert backends.told("m()") == (
        "m() runs queries by onnxruntime (onnxruntime 4 ms, PyTorch in float32 9 ms) and documents by PyTorch in float32 "
        "(PyTorch in float32 50 ms, onnxruntime 70 ms), as measured on this machine."
    )
    clock.calls.clear()
    assert backends.fastest("m()", "weights", ways) == {"query": "onnx", "document": "float32"} and not clock.calls
    backends.fastest("m()", "other weights", ways)
    assert clock.calls
    for damage in ("{", '{"choices": {}, "told": 3}', json.dumps({"choices": {"k": 3}, "told": {}}), "[" * 100_000):
        (cache / "backends.json").write_text(damage)
        assert backends.fastest("m()", "weights", ways)["query"] == "onnx"
    assert backends.told("other()") is None


def test_what_was_measured_on_another_machine_is_not_said_of_this_one(monkeypatch, cache):
    clock = Clock(monkeypatch)
    for machine, ms in (("here", 4), ("there", 20)):
        monkeypatch.setattr(backends, "_machine", lambda machine=machine: [machine])
        assert backends.told("m()") is None
        backends.fastest(
            "m()", "weights", {"query": {"float32": clock.way("float32", 9), "onnx": clock.way("onnx", ms)}}
        )
    assert backends.told("m()").startswith("m() runs queries by PyTorch")
    monkeypatch.setattr(backends, "_machine", lambda: ["here"])
    assert backends.told("m()").startswith("m() runs queries by onnxruntime")


def test_a_file_that_says_something_else_is_measured_again(monkeypatch, cache):
    clock = Clock(monkeypatch)
    ways = {"query": {"float32": clock.way("float32", 9), "onnx": clock.way("onnx", 4)}}
    backends.fastest("m()", "weights", ways)
    kept = json.loads((cache / "backends.json").read_text())
    for wrong in (
        {"query": {}},
        {"query": {"gpu": 1.0}},
        {"query": {"float32": "fast"}},
        {"document": {"float32": 1}},
        7,
    ):
        (cache / "backends.json").write_text(json.dumps(kept | {"choices": dict.fromkeys(kept["choices"], wrong)}))
        assert backends.fastest("m()", "weights", ways) == {"query": "onnx"}


def test_a_way_that_gives_other_vectors_is_not_taken_however_fast(monkeypatch, caplog):
    clock = Clock(monkeypatch)
    ways = {"query": {"float32": clock.way("float32", 9), "onnx": clock.way("onnx", 1, off=0.002)}}
    assert backends.fastest("m()", "weights", ways) == {"query": "float32"}
    assert "m() does not run by onnxruntime: a component of a vector is off by 0.002." in caplog.text
    ways = {"document": {"float32": clock.way("float32", 9), "onnx": clock.way("onnx", 1, off=np.nan)}}
    assert backends.fastest("m()", "nan", ways) == {"document": "float32"}


def test_a_cache_that_cannot_be_written_only_costs_time(monkeypatch, cache):
    cache.write_text("no folder")
    clock = Clock(monkeypatch)
    ways = {"query": {"float32": clock.way("float32", 9), "onnx": clock.way("onnx", 4)}}
    assert backends.fastest("m()", "weights", ways) == {"query": "onnx"}


@pytest.mark.parametrize(
    "wrong", ["backend='jax'", "dtype='float16'", "backend='onnx', dtype='bfloat16'", "device='gpu 1'"]
)
def test_arguments_are_checked(wrong):
    for name in ("minilm(", "st('x', "):
        with pytest.raises(CodomainError, match=r"^(minilm|st)\(\) needs (backend|dtype|device) to be"):
            cd.pipeline(f"{name}{wrong})")


def test_auto_is_the_default_of_device():
    assert str(cd.minilm(device="auto")) == "minilm()" == cd.minilm(device=None).identity
    assert str(cd.minilm(device="cuda:1")) == "minilm(device='cuda:1')"


@needs_learn
@pytest.mark.needs_learn
def test_bfloat16_rounds_documents_only_and_is_another_fingerprint(folder, monkeypatch):  # noqa: F811
    import torch
    from sentence_transformers import SentenceTransformer

    texts = texts_of(1)
    monkeypatch.setattr(
        transformer, "fastest", lambda stage, about, ways: {role: list(ways[role])[-1] for role in ways}
    )
    exact, rounded = (
        TransformerEncoder(folder, device="cpu"),
        TransformerEncoder(folder, device="cpu", dtype="bfloat16"),
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = SentenceTransformer(folder, device="cpu").encode(texts).astype(np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = rounded.encode_documents(texts)
    np.testing.assert_allclose(found, expected, atol=0.02)  # of bfloat16, summed in batches of other sizes
    assert 1e-5 < np.abs(found - exact.encode_documents(texts)).max() < 0.05
    np.testing.assert_allclose(rounded.encode_queries(texts), exact.encode_queries(texts), atol=1e-6)
    assert rounded.fingerprint != exact.fingerprint
    assert TransformerEncoder(folder, device="cpu", backend="torch").fingerprint == exact.fingerprint


@needs_learn
@pytest.mark.needs_learn
def test_a_damaged_exported_model_that_nobody_asked_for_is_left_out(folder, tmp_path, monkeypatch, caplog):  # noqa: F811
    pytest.importorskip("onnxruntime")
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"cut off")
    shutil.copy(f"{folder}/tokenizer.json", tmp_path)
    monkeypatch.setattr(transformer, "exported", lambda digest: tmp_path)
    expected = TransformerEncoder(folder, backend="torch").encode_documents(["red fox"])
    np.testing.assert_array_equal(TransformerEncoder(folder).encode_documents(["red fox"]), expected)
    assert "is run by PyTorch: " in caplog.text and "is no model that onnxruntime reads" in caplog.text
    with pytest.raises(InputError, match="is no model that onnxruntime reads"):
        TransformerEncoder(folder, backend="onnx").encode_documents(["red fox"])


@needs_learn
@pytest.mark.needs_learn
def test_an_exported_model_that_is_asked_for_and_not_there_is_said(folder):  # noqa: F811
    pytest.importorskip("onnxruntime")
    with pytest.raises(
        InputError, match=rf"finds no exported model: codomain export-model {folder} --onnx makes it\.$"
    ):
        TransformerEncoder(folder, device="cpu", backend="onnx").encode_queries(["red fox"])


# --- devices --------------------------------------------------------------------------------------------------------


@needs_learn
@pytest.mark.needs_learn
def test_a_device_that_is_not_there_is_one_sentence(folder):  # noqa: F811
    for stage in (f"st({folder!r}, device='cuda:77')", f"late({folder!r}, device='cuda:77')"):
        with pytest.raises(InputError, match=r"needs the device cuda:77, and PyTorch finds none: it has cpu"):
            cd.pipeline(stage).encode(["red fox"])


@needs_learn
@pytest.mark.needs_learn
def test_the_best_device_is_taken_where_none_is_named(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    assert place.torch_device(None, "it") == "cuda" and place.torch_device("cuda:1", "it") == "cuda:1"
    assert place.torch_device("cpu", "it") == "cpu"
    with pytest.raises(
        InputError, match="it needs the device cuda:2, and PyTorch finds none: it has cpu, cuda, cuda:0, cuda:1"
    ):
        place.torch_device("cuda:2", "it")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert place.torch_device(None, "it") == "cpu"
    with pytest.raises(InputError, match="needs the device xpu"):
        place.torch_device("xpu", "it")


def test_as_many_texts_at_once_as_half_of_the_free_memory_holds(monkeypatch):
    each = 64 * 384 * 100 + 96 * 100 * 100  # bytes that a text of 100 tokens takes, by the estimate
    for free, expected in ((4 * each, 2), (7.6 * each, 2), (8.2 * each, 4), (1 << 40, 1024), (0, 1)):
        monkeypatch.setattr(batches, "free_bytes", lambda device, free=free: int(free))
        assert batches.at_once("cuda", 100, 384) == expected
    assert [batches.at_once("cpu", tokens, 384) for tokens in (4, 8, 128, 256, 600)] == [1, 1, 1, 1, 1]
    monkeypatch.setattr(batches, "free_bytes", lambda device: 1 << 40)
    assert [batches.at_once("cpu", tokens, 384) for tokens in (4, 8, 128, 256, 600)] == [64, 64, 4, 2, 1]
    monkeypatch.setattr(batches, "free_bytes", lambda device: None)
    assert batches.at_once("cuda", 100, 384) == 32


@needs_learn
@pytest.mark.needs_learn
@pytest.mark.parametrize("stage", [TransformerEncoder, LateEncoder])
def test_half_as_many_texts_are_run_where_there_is_no_memory_for_more(folder, stage, monkeypatch, caplog):  # noqa: F811
    import torch

    texts = texts_of(2)
    whole, encoder = stage(folder, device="cpu"), stage(folder, device="cpu", batch_size=16)
    model, encode = encoder._model, type(encoder._model).encode
    sizes = []

    def little(self, *texts, batch_size, **more):
        sizes.append(batch_size)
        if batch_size > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return encode(self, *texts, batch_size=batch_size, **more)

    expected = whole.encode_documents(texts)
    monkeypatch.setattr(type(model), "encode", little)
    found = encoder.encode_documents(texts)
    if stage is LateEncoder:
        found, expected = found.values.astype(np.float32), expected.values.astype(np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert sizes[:3] == [16, 8, 4] and set(sizes[3:]) <= {4}, "what had no room is not tried again"
    assert encoder._batches.halved == 2 and caplog.text.count("ran out of memory with") == 2
    monkeypatch.setattr(
        type(model), "encode", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("CUDA error: out of memory"))
    )
    with pytest.raises(InputError, match="has no memory for a single text: CUDA error: out of memory"):
        encoder.encode_documents(texts)


def test_other_errors_are_no_lack_of_memory():
    with pytest.raises(ValueError, match="shape"):
        batches.Batches(4, "it").run(lambda size: (_ for _ in ()).throw(ValueError("a shape")))


@needs_learn
@pytest.mark.needs_learn
def test_a_gpu_gives_the_vectors_of_the_processor(folder):  # noqa: F811
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    texts = texts_of(3)
    found = TransformerEncoder(folder, device="cuda").encode_documents(texts)
    np.testing.assert_allclose(found, by_the_library(folder, texts), atol=1e-3)


def test_info_says_what_was_measured(tmp_path, monkeypatch):
    from tests.conftest import Hashed

    monkeypatch.setattr(Hashed, "measured", "hashed() runs queries by onnxruntime.", raising=False)
    with cd.create(tmp_path / "c", "hashed() >> flat()") as collection:
        assert "hashed() runs queries by onnxruntime." in collection.info()["notes"]
