"""Small exported models, written by hand: what a token becomes depends on the text around it, and on the position."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "fox", "blue", "whale", "in", "the", "sea", "query", ":"]
D = 6
_draw = np.random.default_rng(7)
TABLE = _draw.standard_normal((len(WORDS), D)).astype(np.float32)
W = _draw.standard_normal((D, D)).astype(np.float32)
DENSE = _draw.standard_normal((4, D)).astype(np.float32)
BIAS = _draw.standard_normal(4).astype(np.float32)


def written(
    folder: Path,
    *,
    output: str = "last_hidden_state",
    inputs: tuple[str, ...] = ("input_ids", "attention_mask", "token_type_ids"),
    shape: tuple[object, object] = ("n", "t"),
    more_outputs: bool = False,
    pooling: dict[str, object] | None = None,
    dense: bool = False,
    prompts: dict[str, str] | None = None,
    longest: int | None = 12,
    lower: bool = False,
    file: str = "onnx/model.onnx",
) -> Path:
    """A folder as sentence-transformers lays it out, with an ONNX model of D dimensions."""
    from safetensors.numpy import save_file

    model(folder / file, output, inputs, shape, more_outputs)
    tokenizer(folder / "tokenizer.json")
    modules = ["Transformer", "Pooling"] + (["Dense"] if dense else []) + ["Normalize"]
    paths = ["", *(f"{i}_{kind}" for i, kind in enumerate(modules) if i)]
    listed = [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
              for i, (kind, path) in enumerate(zip(modules, paths, strict=True))]  # fmt: skip
    _json(folder / "modules.json", listed)
    _json(folder / "1_Pooling" / "config.json", pooling or {"pooling_mode_mean_tokens": True})
    if dense:
        activation = "torch.nn.modules.activation.Tanh"
        _json(
            folder / "2_Dense" / "config.json", {"in_features": D, "out_features": 4, "activation_function": activation}
        )
        save_file({"linear.weight": DENSE, "linear.bias": BIAS}, folder / "2_Dense" / "model.safetensors")
    _json(folder / "sentence_bert_config.json", {"max_seq_length": longest, "do_lower_case": lower})
    _json(folder / "config.json", {"vocab_size": len(WORDS)})
    _json(folder / "config_sentence_transformers.json", {"prompts": prompts or {}})
    return folder


def model(
    path: Path, output: str, inputs: tuple[str, ...], shape: tuple[object, object], more_outputs: bool = False
) -> None:
    """token = (table[id] + mean of the text's table rows) W + its number / 10."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    node = helper.make_node
    nodes = [
        node("Gather", ["table", "input_ids"], ["rows"]),
        node("Cast", ["attention_mask"], ["kept"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["kept", "last"], ["wide"]),
        node("Mul", ["rows", "wide"], ["masked"]),
        node("ReduceSum", ["masked", "middle"], ["sum"], keepdims=1),
        node("ReduceSum", ["wide", "middle"], ["count"], keepdims=1),
        node("Div", ["sum", "count"], ["around"]),
        node("Add", ["rows", "around"], ["both"]),
        node("MatMul", ["both", "W"], ["turned"]),
        node("CumSum", ["wide", "axis"], ["places"]),
        node("Mul", ["places", "tenth"], ["moved"]),
        node("Add", ["turned", "moved"], [output if output != "sentence" else "tokens"]),
    ]
    axes = ["n", "t", D]
    if output == "sentence":
        nodes.append(node("ReduceMax", ["tokens", "middle"], ["sentence"], keepdims=0))
        axes = ["n", D]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, axes)]
    if more_outputs:
        nodes += [node("Identity", ["rows"], ["hidden"]), node("Identity", ["input_ids"], ["same"])]
        outputs = [
            helper.make_tensor_value_info("same", TensorProto.INT64, ["n", "t"]),
            helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["n", "t", D]),
            *outputs,
        ]
    constants = {
        "table": TABLE, "W": W, "last": np.array([2], np.int64), "middle": np.array([1], np.int64),
        "axis": np.array(1, np.int64), "tenth": np.array(0.1, np.float32),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, list(shape)) for name in inputs],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if set(inputs) >= {"input_ids", "attention_mask"}:
        checker.check_model(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(made, path)


def tokenizer(path: Path, words: list[str] = WORDS) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    made.enable_padding(length=16)  # as some are saved: neither holds here
    made.enable_truncation(3)
    made.save(str(path))


def ids(text: str, longest: int = 12) -> list[int]:
    """The tokens of a text whose words are apart, [CLS] and [SEP] around them, by hand."""
    own = [WORDS.index(word) if word in WORDS else 1 for word in text.split()]
    return [2, *own[: longest - 2], 3]


def tokens(text: str, longest: int = 12) -> np.ndarray:
    """What the model gives for the tokens of one text, by hand."""
    rows = TABLE[ids(text, longest)].astype(np.float64)
    return np.stack([(row + rows.mean(axis=0)) @ W + 0.1 * (place + 1) for place, row in enumerate(rows)])


def _json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
