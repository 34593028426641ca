"""Trained models on disk: read back as they were, and nothing but known classes."""

import json
import sys
import types

import numpy as np
import pytest

pytestmark = pytest.mark.needs_learn
torch = pytest.importorskip("torch", reason="needs codomain[learn]")
pytest.importorskip("sentence_transformers", reason="needs codomain[learn]")

from sentence_transformers import SentenceTransformer  # noqa: E402
from sentence_transformers.base.modules import Module  # noqa: E402
from sentence_transformers.sentence_transformer.modules import StaticEmbedding  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from tokenizers.models import WordLevel  # noqa: E402

from codomain.errors import InputError  # noqa: E402
from codomain.learn.objectives.stationary import SimplexHead, StationaryLoss  # noqa: E402
from codomain.learn.saving import known_class, load_model, save_model  # noqa: E402


def static_embedding():
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
    return StaticEmbedding(tokenizer, embedding_dim=4)


@pytest.mark.parametrize("model", [SimplexHead(6, 4), StationaryLoss(6, mu=3.0)], ids=lambda m: type(m).__name__)
def test_a_folder_keeps_class_arguments_and_weights(tmp_path, model):
    back = load_model(save_model(model, tmp_path / "m"))
    assert type(back) is type(model) and not back.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(back.state_dict()[name], tensor)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["config.json", "model.safetensors"]


def test_a_model_of_sentence_transformers_is_kept_as_it_keeps_itself(tmp_path):
    model = SentenceTransformer(modules=[static_embedding()], device="cpu")
    save_model(model, tmp_path / "m")
    for back in (load_model(tmp_path / "m"), SentenceTransformer(str(tmp_path / "m"), device="cpu")):
        assert np.array_equal(back.encode(["a b", "b"]), model.encode(["a b", "b"]))


@pytest.fixture
def own_module(monkeypatch):
    """A module for models of sentence-transformers that lies in codomain."""
    home = types.ModuleType("codomain.learn.made_up")

    class Doubled(Module):
        config_keys = ("factor",)

        def __init__(self, factor=2):
            super().__init__()
            self.factor = factor

        def forward(self, features):
            features["sentence_embedding"] = features["sentence_embedding"] * self.factor
            return features

        def save(self, output_path, *args, **kwargs):
            self.save_config(output_path)

    Doubled.__module__, Doubled.__qualname__ = home.__name__, "Doubled"
    home.Doubled = Doubled
    monkeypatch.setitem(sys.modules, home.__name__, home)
    return Doubled


def test_modules_of_codomain_are_read_back_without_trusting_code(tmp_path, own_module):
    model = SentenceTransformer(
        modules=[static_embedding(), own_module(3)], device="cpu", prompts={"query": "a "}, similarity_fn_name="dot"
    )
    save_model(model, tmp_path / "m")
    with pytest.raises(ValueError, match="trust_remote_code"):
        SentenceTransformer(str(tmp_path / "m"), device="cpu")
    back = load_model(tmp_path / "m")
    assert np.allclose(back.encode(["b"], prompt_name="query"), model.encode(["b"], prompt_name="query"))
    assert back[1].factor == 3 and back.similarity_fn_name == "dot" and back.prompts["query"] == "a "


@pytest.mark.parametrize(
    "name",
    [
        "torch.nn.Linear", "os.system", "codomain.learn.saving.nn.Linear", "codomain.learn.saving.load_model",
        "codomain.learn.saving.Path", "codomain.errors.InputError", "codomain_evil.Model", "sentence_transformersx.A", "Linear", "",
        "codomain.learn.trainer.Tensor",
    ],
)  # fmt: skip
def test_a_class_from_elsewhere_is_refused(name):
    with pytest.raises(InputError):
        known_class(name)


def test_a_model_that_would_be_refused_is_not_saved(tmp_path):
    with pytest.raises(InputError, match=r"torch.nn.modules.linear.Linear is none of codomain"):
        save_model(torch.nn.Linear(2, 2), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_no_class_of_a_folder_is_imported_before_it_is_known(tmp_path):
    (tmp_path / "evil.py").write_text("raise SystemExit('was run')")
    for file, content in (
        ("config.json", {"format": 1, "class": "evil.Model", "arguments": {}}),
        ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "evil.Model"}]),
    ):
        (tmp_path / file).write_text(json.dumps(content))
        with pytest.raises(InputError, match=r"evil.Model is none of"):
            load_model(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("config.json", None, "cannot be read"),
        ("config.json", "{", "is not JSON"),
        ("config.json", "[]", "names no class"),
        ("config.json", '{"class": "codomain.learn.objectives.stationary.SimplexHead"}', "names no class"),
        ("config.json", '{"class": "codomain.learn.nowhere.A", "arguments": {}}', "no class codomain.learn.nowhere.A"),
        ("model.safetensors", None, "is damaged"),
        ("model.safetensors", "short", "is damaged"),
    ],
)
def test_a_damaged_folder_is_one_sentence(tmp_path, file, content, sentence):
    save_model(SimplexHead(6, 4), tmp_path)
    path = tmp_path / file
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=sentence):
        load_model(tmp_path)


def test_weights_that_do_not_fit_the_arguments_are_damage(tmp_path):
    save_model(SimplexHead(6, 4), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for arguments in ({"K": 7, "d_in": 4}, {"K": 1, "d_in": 4}, {"K": 6}):
        (tmp_path / "config.json").write_text(json.dumps({**config, "arguments": arguments}))
        with pytest.raises(InputError, match="is damaged"):
            load_model(tmp_path)
