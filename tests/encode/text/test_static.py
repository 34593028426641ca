"""The static encoder against a slow one, its bounds, its memory of who made a vector."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import codomain as cd
from codomain.encode import StaticEncoder
from codomain.encode.text import static
from codomain.encode.text.static import BUNDLED, file_hash
from codomain.errors import InputError

TEXTS = [
    "the lift of a slender wing at supersonic speed",
    "zinc fingers bind DNA; zinc, zinc and again zinc",
    "",
    "reticulocytosis",
    "你好, Müller!",
    "word " * 50 + "other",
]


def slowly(texts, folder=BUNDLED):
    """Token by token, as the docstring says it."""
    from tokenizers import Tokenizer

    tensors = load_file(folder / "table.safetensors")
    repeat = json.loads((folder / "config.json").read_text())["repeat"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    out = []
    for text in texts:
        vector = np.zeros(tensors["rows"].shape[1])
        for token, n in Counter(tokenizer.encode(text, add_special_tokens=False).ids).items():
            vector += n**repeat * tensors["rows"][token].astype(float) * float(tensors["scales"][token])
        out.append(vector / max(np.linalg.norm(vector), 1e-12))
    return np.array(out)


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(BUNDLED, tmp_path / "table")


def test_vectors_equal_a_loop_over_tokens():
    np.testing.assert_allclose(StaticEncoder().encode_documents(TEXTS), slowly(TEXTS), atol=2e-6)


def test_the_way_for_many_texts_equals_the_way_for_few(monkeypatch):
    few = StaticEncoder().encode_documents(TEXTS)
    monkeypatch.setattr(static, "FEW_TOKENS", 0)
    np.testing.assert_allclose(StaticEncoder().encode_documents(TEXTS), few, atol=2e-6)


def test_batches_and_order_do_not_change_a_vector(monkeypatch):
    whole = StaticEncoder().encode_documents(TEXTS)
    monkeypatch.setattr(static, "BATCH_CHARACTERS", 10)
    np.testing.assert_allclose(StaticEncoder().encode_documents(TEXTS[::-1])[::-1], whole, atol=2e-6)


def test_a_text_without_words_is_the_zero_vector_and_nothing_is_nan():
    vectors = StaticEncoder().encode_queries(["", " \n", "\x00", "word"])
    assert not vectors[:3].any() and np.isfinite(vectors).all()
    assert np.linalg.norm(vectors[3]) == pytest.approx(1, abs=1e-5)
    assert StaticEncoder().encode_documents([]).shape == (0, 384)


def test_a_very_long_text_is_pooled_to_its_end():
    text = "physics of semiconductors " * 20_000 + "strawberry jam " * 20_000
    vector = StaticEncoder().encode_documents([text, "x"])[0]
    start, end = StaticEncoder().encode_documents(["physics of semiconductors", "strawberry jam"])
    assert vector @ start > 0.3 and vector @ end > 0.3


def test_one_line_without_spaces_is_taken_too():
    assert StaticEncoder().encode_documents(["ab" * 100_000]).shape == (1, 384)


def test_fewer_dimensions_are_the_first_principal_axes_renormalized():
    axes = load_file(BUNDLED / "table.safetensors")["axes"].astype(np.float32)
    kept = slowly(TEXTS) @ axes[:, :64]
    kept /= np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12)
    np.testing.assert_allclose(StaticEncoder(dim=64).encode_documents(TEXTS), kept, atol=1e-5)
    np.testing.assert_allclose(axes.T @ axes, np.eye(384), atol=5e-3)


def test_the_stored_hash_is_true():
    config = json.loads((BUNDLED / "config.json").read_text())
    assert config["sha256"] == file_hash(BUNDLED)


def test_fingerprint_names_weights_and_settings(copy):
    same = StaticEncoder(str(copy)).fingerprint
    assert same == StaticEncoder().fingerprint
    assert StaticEncoder(dim=64).fingerprint != same
    tensors = load_file(copy / "table.safetensors")
    tensors["rows"] = tensors["rows"].copy()
    tensors["rows"][2000, 0] += 1
    save_file(tensors, copy / "table.safetensors")
    assert StaticEncoder(str(copy)).fingerprint != same


def test_it_is_printed_as_it_was_written():
    assert str(StaticEncoder()) == "static()"
    assert str(StaticEncoder(dim=128)) == "static(dim=128)"
    assert str(cd.pipeline("static(dim=128)")) == "static(dim=128)"
    assert cd.pipeline("static(dim=128)").dim == 128
    assert StaticEncoder(**StaticEncoder(dim=7).get_params()) == StaticEncoder(dim=7)


@pytest.mark.parametrize("dim", [0, -1, 385])
def test_an_impossible_dimension_is_refused(dim):
    with pytest.raises(InputError, match="384"):
        StaticEncoder(dim=dim)


def test_damage_is_told_in_a_sentence(copy, tmp_path):
    with pytest.raises(InputError, match=r"config\.json"):
        StaticEncoder(str(tmp_path))
    whole = (copy / "table.safetensors").read_bytes()
    for broken in (b"", b"\xff" * 64, whole[: len(whole) // 2]):
        (copy / "table.safetensors").write_bytes(broken)
        with pytest.raises(InputError, match=r"table\.safetensors"):
            StaticEncoder(str(copy)).encode_queries(["word"])
    (copy / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json"):
        StaticEncoder(str(copy))


def test_a_table_in_model2vec_format_is_a_plain_mean(tmp_path):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(3, 4)).astype(np.float16)
    save_file({"embeddings": table}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "model2vec", "hidden_dim": 4, "normalize": true}')
    vocab = {"[UNK]": 0, "cat": 1, "mat": 2}
    model = {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}
    parts = {"added_tokens": [], "normalizer": None, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1.0", **parts, "decoder": None, "model": model}))
    mean = (2 * table[1].astype(np.float32) + table[2]) / 3
    found = StaticEncoder(str(tmp_path)).encode_documents(["cat mat dog cat"])[0]
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)


def test_progress_adds_up_to_the_number_of_texts(monkeypatch):
    monkeypatch.setattr(static, "BATCH_CHARACTERS", 60)
    seen: list[int] = []
    StaticEncoder().encode_documents(TEXTS, lambda _, n, total: seen.append(n))
    assert seen[-1] == len(TEXTS) and len(seen) > 1


def test_a_query_brings_in_no_heavy_package():
    program = (
        "import sys; from codomain.encode import StaticEncoder; StaticEncoder().encode_queries(['hello world']);"
        "print([m for m in ('torch', 'sklearn', 'scipy', 'numba', 'pandas', 'tokenizers', 'faiss') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_folder_of_a_table_is_kept_as_an_absolute_path(tmp_path, monkeypatch):
    shutil.copytree(BUNDLED, tmp_path / "table")
    monkeypatch.chdir(tmp_path)
    encoder = StaticEncoder("table")
    monkeypatch.chdir("/")
    again = cd.pipeline(str(encoder)).stages[0]
    assert again == encoder and again.encode_queries(["wing"]).shape == (1, 384)
