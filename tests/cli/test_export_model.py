"""Exported models against sentence-transformers with the same weights."""

from __future__ import annotations

import importlib.util
import json
import shutil

import numpy as np
import pytest

from codomain.encode import OnnxEncoder, TransformerEncoder
from codomain.encode.text import transformer
from codomain.errors import InputError, MissingExtra
from codomain.learn import export
from codomain.learn.export import export_model

TEXTS = ["red fox in the sea", "the deep blue whale", "fox", "snow in the snow " * 12, "red red hill", "zebra whale"]
needs_export = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("sentence_transformers", "onnx", "onnxscript", "onnxruntime"))),
    reason="needs pip install 'codomain[export]'",
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A BERT of two layers with random weights, prompts, and a Dense module of sixteen to eight."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dense, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(0)
    base, folder = tmp_path_factory.mktemp("bert"), tmp_path_factory.mktemp("model")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "red",
        "fox",
        "blue",
        "whale",
        "in",
        "the",
        "sea",
        "deep",
        "snow",
        "hill",
        "query",
        ":",
    ]
    (base / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(base / "vocab.txt"), model_max_length=32).save_pretrained(base)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=32, **sizes)).save_pretrained(base)
    modules = [Transformer(str(base)), Pooling(16, pooling_mode="cls"), Dense(16, 8)]
    SentenceTransformer(modules=modules, device="cpu", prompts={"query": "query : "}).save(str(folder))
    return str(folder)


@needs_export
@pytest.mark.needs_learn
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::codomain.encode.text.window.CutWarning")
def test_an_exported_model_gives_the_librarys_vectors_and_is_refused_below_the_floor(saved, tmp_path, monkeypatch):
    from sentence_transformers import SentenceTransformer

    found = export_model(saved, tmp_path / "out", texts=[*TEXTS, ""])
    library, encoder = SentenceTransformer(saved, device="cpu"), OnnxEncoder(str(tmp_path / "out"))
    for role in ("query", "document"):
        expected = getattr(library, f"encode_{role}")(TEXTS, normalize_embeddings=True)
        encode = encoder.encode_queries if role == "query" else encoder.encode_documents
        np.testing.assert_allclose(encode(TEXTS), expected, atol=2e-6)
    library_query = library.encode_query(TEXTS, normalize_embeddings=True)
    assert encoder.window == 30 and encoder.dim == 8
    assert (found.texts, found.dtype) == (6, "float32") and found.lowest > 0.999999
    told = json.loads((tmp_path / "out" / "export.json").read_text())
    assert told["from"] == saved and told["lowest"] == found.lowest
    assert not list((tmp_path / "out").glob("*.safetensors")), "weights of the transformer are in onnx/model.onnx"

    exported = tmp_path / "out" / "onnx" / "model.onnx"
    monkeypatch.setattr(export, "_export", lambda model, path: shutil.copy(exported, path))  # once is slow enough
    quantised = export_model(saved, tmp_path / "int8", int8=True, texts=TEXTS, floor=0.5)
    vectors = OnnxEncoder(str(tmp_path / "int8")).encode_documents(TEXTS)
    cosine = (vectors * library.encode_document(TEXTS, normalize_embeddings=True)).sum(axis=1)
    assert quantised.dtype == "int8" and quantised.lowest == pytest.approx(cosine.min(), abs=1e-5)
    assert 0.5 < quantised.lowest < 0.99999
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(InputError, match=r"the lowest cosine to the original is 0\.\d+, below the floor of 1 "):
        export_model(saved, tmp_path / "refused", int8=True, texts=TEXTS, floor=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == before

    # where st() of the same weights finds it by itself
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(transformer, "fastest", lambda stage, about, ways: dict.fromkeys(ways, "onnx"))
    plain = TransformerEncoder(saved, device="cpu", backend="torch")
    kept = export_model(saved, texts=TEXTS)
    assert kept.folder.parent == tmp_path / "cache" / "onnx"
    with pytest.raises(InputError, match="int8 gives other vectors"):
        export_model(saved, int8=True)
    auto, asked = TransformerEncoder(saved, device="cpu"), TransformerEncoder(saved, device="cpu", backend="onnx")
    assert auto.fingerprint == asked.fingerprint == plain.fingerprint
    network = auto._model
    monkeypatch.setattr(type(network), "encode", None)  # PyTorch does not run
    for encoder in (auto, asked):
        found = encoder.encode_queries(TEXTS)
        np.testing.assert_allclose(found, library_query, atol=2e-6)
    monkeypatch.undo()
    auto.network  # noqa: B018  it may be trained from now on, and is not what was exported
    assert auto._way("query") == "float32"


@needs_export
@pytest.mark.needs_learn
def test_what_cannot_be_exported_is_one_sentence_and_leaves_nothing(command, saved, tmp_path, monkeypatch):
    def fails(*more):
        raise InputError("it fails.")

    def said(*arguments):
        code, out, err = command("export-model", *map(str, arguments))
        *_, sentence = err.strip().splitlines()  # a progress bar of transformers may come before it
        assert (code, out, sentence[:10]) == (2, "", "codomain: "), err
        return sentence

    (tmp_path / "there").mkdir()
    assert "is there already" in said(saved, tmp_path / "there", "--onnx")
    assert "cosine from -1 to 1" in said(saved, tmp_path / "new", "--floor", "7")
    assert "cannot be read" in said(saved, tmp_path / "new", "--texts", tmp_path / "none")
    (tmp_path / "blank").write_text("\n \n")
    assert "no texts to compare" in said(saved, tmp_path / "new", "--texts", tmp_path / "blank")
    assert "cannot load the model" in said(tmp_path / "there", tmp_path / "new")
    monkeypatch.setattr(export, "_export", fails)
    assert "it fails." in said(saved, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blank", "there"]
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'codomain\[export\]'"):
        export_model(saved, tmp_path / "new")


@needs_export
def test_the_floor_is_one_of_every_text_and_others_may_read_the_folder(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_write", lambda model, folder, int8: (folder / "a").write_text("weights"))
    for lowest in (0.97, 0.99):
        found = export.Exported(tmp_path / "out", "int8", 9, 0.999, lowest, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
        monkeypatch.setattr(export, "_compared", lambda *given, found=found: found)
        if lowest < 0.98:
            with pytest.raises(
                InputError, match=r"the lowest cosine to the original is 0.970000, below the floor of 0.98"
            ):
                export_model(saved, tmp_path / "out", int8=True)
            assert not [*tmp_path.iterdir()]
    export_model(saved, tmp_path / "out", int8=True)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o755
