"""A sentence-transformers model as an ONNX model that `onnx(folder)` opens, refused where its vectors are not the same."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from codomain.errors import InputError, MissingExtra
from codomain.files import failing, to_disk

FLOORS = {"float32": 0.9999, "int8": 0.98}
"""The least cosine of a text's two vectors. MiniLM, 100 texts: float32 0.9999998 for the worst of them, int8 0.984 (mean 0.993)."""
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_KNOWN = ("Transformer", "Pooling", "Dense", "Normalize", "Dropout")
_LARGEST = 1_900_000_000
"""Bytes of weights up to which a model is one file; ONNX ends at 2 GB."""
_QUERIES = 20


@dataclass(frozen=True)
class Exported:
    """An exported model, and how it compares with the one that it was made from."""

    folder: Path
    dtype: str
    texts: int
    """Texts that both have encoded."""
    cosine: float
    """Mean cosine of a text's two vectors."""
    lowest: float
    """The lowest of them."""
    megabytes: float
    megabytes_before: float
    texts_per_cpu_second: float
    texts_per_cpu_second_before: float
    query_ms: float
    query_ms_before: float

    def lines(self) -> list[str]:
        """What a person wants to know, a line each."""
        return [
            f"{self.folder}: {self.dtype}, cosine to the original {self.cosine:.6f} in the mean and {self.lowest:.6f} at least, "
            f"of {self.texts:,} texts",
            f"size       {self.megabytes:,.1f} MB, before {self.megabytes_before:,.1f} MB",
            f"documents  {self.texts_per_cpu_second:,.0f} texts a CPU second, before {self.texts_per_cpu_second_before:,.0f}",
            f"one query  {self.query_ms:,.2f} ms, before {self.query_ms_before:,.2f} ms",
        ]


def export_model(
    name: str,
    out: str | Path | None = None,
    *,
    int8: bool = False,
    texts: Sequence[str] | None = None,
    floor: float | None = None,
) -> Exported:
    """Export "minilm", or a model of sentence-transformers by folder or hub name, to a new folder for `onnx(folder)`.

    `int8` quantises weights to integers, and what they are multiplied with as it runs. The vectors of `texts`, or of 100 texts that codomain ships,
    are compared with the original's; without `out` it goes where `minilm()` and `st()` of the same weights find it. The folder is made only where every cosine reaches `floor` (0.9999, with int8 0.98).

    Raises MissingExtra without codomain[export], InputError for a model that cannot be exported, a folder that is there, and a
    cosine below the floor.
    """
    floor = FLOORS["int8" if int8 else "float32"] if floor is None else floor
    if isinstance(floor, bool) or not isinstance(floor, int | float) or not -1 <= floor <= 1:
        raise InputError(f"the floor is a cosine from -1 to 1, not {floor!r}.")
    if texts is not None and not any(text.strip() for text in texts):
        raise InputError("there are no texts to compare the exported model on.")
    for package in ("torch", "sentence_transformers", "onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise MissingExtra("exporting a model", "export")
    from codomain.encode import MiniLMEncoder, TransformerEncoder
    from codomain.encode.text.backends import exports

    if out is None and int8:
        raise InputError(
            "int8 gives other vectors than the original, which minilm() and st() do not take for theirs: name a folder."
        )
    encoder = MiniLMEncoder(device="cpu") if name == "minilm" else TransformerEncoder(name, device="cpu")
    if out is None:
        out = exports() / encoder._lease.digest.hexdigest()[:32]
    out = Path(out).expanduser().absolute()
    if out.exists():
        raise InputError(f"{out} is there already: name a folder that is not.")
    model = encoder.network
    _check(model, name)
    with failing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    try:
        with failing(out):
            _write(model, draft, int8)
        sample = [text for text in (texts if texts is not None else shipped_texts()) if text.strip()]
        found = _compared(model, draft, out, "int8" if int8 else "float32", sample)
        if not found.lowest >= floor:
            raise InputError(
                f"{name} as {found.dtype} is not the same model: the lowest cosine to the original is {found.lowest:.6f}, below the "
                f"floor of {floor:g} (mean {found.cosine:.6f} of {found.texts:,} texts); nothing was written."
            )
        with failing(out):
            about = {key: value for key, value in asdict(found).items() if key != "folder"}
            (draft / "export.json").write_text(json.dumps({"from": name, "floor": floor, **about}, indent=2) + "\n")
            to_disk(draft)
            os.chmod(draft, 0o755)
            os.replace(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return found


def shipped_texts() -> list[str]:
    """100 texts that codomain ships: descriptions, their titles, definitions and verses."""
    from codomain.measure.data.datasets import load

    found: list[str] = []
    for name, count in (("debian", 50), ("wordnet", 20), ("verses", 20)):
        texts = list(load(name).documents.values())
        found += texts[:: len(texts) // count][:count]
    return found + list(load("debian").queries.values())[:10]


def _check(model: Any, name: str) -> None:
    kinds = [type(module).__name__ for module in model]
    strange = [kind for kind in kinds if kind not in _KNOWN]
    if strange or kinds[:1] != ["Transformer"]:
        raise InputError(
            f"{name} cannot be exported: onnx() does not know its module {(strange or kinds or ['nothing'])[0]}."
        )
    if getattr(model.tokenizer, "backend_tokenizer", None) is None:
        raise InputError(f"{name} cannot be exported: it has no tokenizer.json, only a tokenizer in Python.")


def _write(model: Any, folder: Path, int8: bool) -> None:
    with _quiet():
        model.save_pretrained(str(folder), create_model_card=False)
    for weights in [*folder.glob("model*.safetensors*"), *folder.glob("pytorch_model*")]:
        weights.unlink()  # those of the transformer; Dense modules keep theirs
    (folder / "onnx").mkdir()
    whole = folder / "onnx" / ("float32.onnx" if int8 else "model.onnx")
    with _quiet():
        _export(model, whole)
        if int8:
            from onnxruntime.quantization import QuantType, quantize_dynamic

            # weights of 7 bits: sums of products of 8 and 8 bits overflow on processors without VNNI, and only there
            quantize_dynamic(
                whole, folder / "onnx" / "model.onnx", weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
            )
            for part in folder.glob("onnx/float32.onnx*"):
                part.unlink()


def _export(model: Any, path: Path) -> None:
    import torch

    # a pair of texts of different lengths: every size is left open
    features = model.tokenizer(["a cat", "a cat on a mat"], padding=True, return_tensors="pt")
    names = [name for name in _INPUTS if name in features]
    network = model[0].auto_model.float().eval()

    class Tokens(torch.nn.Module):
        """The last hidden states."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *given: Any) -> Any:
            return self.network(**dict(zip(names, given, strict=True)), return_dict=True).last_hidden_state

    free = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens")}
    try:
        torch.onnx.export(
            Tokens(),
            tuple(features[name] for name in names),
            str(path),
            input_names=names,
            output_names=["last_hidden_state"],
            dynamic_shapes=(tuple(free for _ in names),),
            external_data=sum(p.numel() for p in network.parameters()) * 4 > _LARGEST,
            dynamo=True,
            verbose=False,
        )
    except Exception as error:  # whatever a network does that the exporter does not know
        first = (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")
        raise InputError(f"PyTorch cannot export {type(network).__name__}: {first}.") from error


def _compared(model: Any, draft: Path, out: Path, dtype: str, texts: list[str]) -> Exported:
    from codomain.encode import OnnxEncoder
    from codomain.encode.text.window import cuts_are_counted
    from codomain.text import for_encoders

    made = OnnxEncoder(str(draft), document_prompt="", query_prompt="", device="cpu")
    read = [for_encoders(text) for text in texts]

    def before(some: list[str]) -> np.ndarray:
        found: np.ndarray = model.encode(
            some, prompt="", batch_size=32, normalize_embeddings=True, show_progress_bar=False
        )
        return found

    with cuts_are_counted():
        made.encode_documents(texts[:1])
        before(read[:1])
        cpu, old = _spent(lambda: before(read))
        own, new = _spent(lambda: made.encode_documents(texts))
        query = "how to renew a driving licence"
        query_before, query_own = _fastest(lambda: before([query])), _fastest(lambda: made.encode_queries([query]))
    cosine = np.einsum("ij,ij->i", np.asarray(old, np.float64), np.asarray(new, np.float64))
    size = sum(path.stat().st_size for path in draft.glob("onnx/*"))
    weights = sum(p.numel() * p.element_size() for p in model[0].auto_model.parameters())
    return Exported(
        out, dtype, len(texts), min(float(cosine.mean()), 1.0), min(float(cosine.min()), 1.0), size / 1e6, weights / 1e6,
        len(texts) / own, len(texts) / cpu, query_own, query_before,
    )  # fmt: skip


def _spent(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return max(time.process_time() - start, 1e-9), found


def _fastest(work: Callable[[], Any]) -> float:
    """Milliseconds, the fastest of some: what else runs on the machine takes part in the others."""
    times = []
    for _ in range(_QUERIES):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return float(min(times))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporters say of their own working to themselves."""
    from transformers.utils import logging as transformers_logging

    before, bars = logging.root.manager.disable, transformers_logging.is_progress_bar_enabled()
    logging.disable(logging.WARNING)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
