"""Distil a static table from a transformer: recipe -> texts -> teacher's vectors -> LEAF -> a folder for `static(folder)`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.errors import InputError, MissingExtra
from codomain.learn import corpus, distil, vocabulary
from codomain.learn.recipes.recipe import PARTS, check_part, make_part, read_toml
from codomain.learn.teacher import TeacherCache

if TYPE_CHECKING:
    from codomain.transform.training.checkpoint import Checkpoint

BUNDLED_RECIPE = Path(__file__).with_name("recipes") / "static.toml"
Progress = Callable[[str, int, int], None]


def distil_static(
    out: str | Path,
    teacher: str = "minilm",
    recipe: str | Path | None = None,
    data: str | Path | Sequence[str | Path] | None = None,
    seed: int | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    device: str | None = None,
) -> Path:
    """Distil a static table into the folder `out`, which `static(out)` then reads; gives the folder back.

    `teacher` is "minilm" or any model that `st()` takes, with an uncased BERT tokenizer. `recipe` is a TOML file naming
    texts and settings (default: the recipe of the bundled table), `data` the folders its paths are looked up in (default:
    the environment variable CODOMAIN_DATA, several parted as in PATH). The teacher's vectors are kept under `cache`
    (default: `out`/cache), and the state of the training, so an interrupted run goes on where it stopped. `progress(step, done, total)`.
    `device` is where the teacher runs, as in `st()`.
    LEAF: Knowledge Distillation of Text Embedding Models with Teacher-Aligned Representations (2025).

    Raises MissingExtra without torch, InputError for a recipe, source or teacher that cannot be used.
    """
    if find_spec("torch") is None or find_spec("sentence_transformers") is None:
        raise MissingExtra("codomain learn static", "learn")
    settings = read_recipe(recipe)
    seed = int(settings.get("seed", 0)) if seed is None else seed
    say = progress or (lambda step, done, total: None)
    texts = corpus.build(settings, roots(data), seed)
    say("texts", len(texts), len(texts))
    return distil_texts(texts, out, teacher, settings, seed, cache, say, device)


def distil_texts(
    texts: Sequence[str],
    out: str | Path,
    teacher: str,
    settings: dict[str, Any],
    seed: int = 0,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    device: str | None = None,
) -> Path:
    """The same from a list of texts: settings `max_tokens`, `repeat`, `[vocabulary]` and `[train]` as in the recipe."""
    out = Path(out)
    say = progress or (lambda step, done, total: None)
    model, tokenizer = load_teacher(teacher, device)
    vectors = TeacherCache(model, teacher, cache or out / "cache", settings["max_tokens"])

    extra = vocabulary.cut_words(tokenizer, texts, settings["vocabulary"]["words"], settings["vocabulary"]["at_least"])
    student = vocabulary.student_tokenizer(tokenizer, extra)
    texts = texts[: settings.get("limit")]  # of a shuffled list: as many as there is time to show the teacher
    pieces = sorted(student["model"]["vocab"], key=student["model"]["vocab"].get)
    rows = vectors.embed([vocabulary.as_text(piece) for piece in pieces], lambda a, b: say("vocabulary", a, b))
    rows[[vocabulary.as_text(piece) == "" for piece in pieces]] = 0
    targets = vectors.embed(texts, lambda a, b: say("teacher", a, b))

    checkpoint = _checkpoint(Path(cache or out / "cache"), [teacher, settings, seed, text_hash(texts)])
    table, axes = fit(rows, student, texts, targets, settings, seed, say, checkpoint)
    saved = save_table(
        out, table, axes, student, {"teacher": teacher, "repeat": settings["repeat"], "texts": len(texts)}
    )
    checkpoint.remove()
    return saved


def _checkpoint(folder: Path, trained: list[Any]) -> Checkpoint:
    """Where the training keeps its state: a file of its own for all that decides the table."""
    from codomain.transform.training.checkpoint import Checkpoint

    key = text_hash([json.dumps(trained, sort_keys=True, default=str)])
    return Checkpoint(folder / f"training-{key[:24]}.safetensors", key)


def fit(
    rows: np.ndarray,
    student: dict[str, Any],
    texts: Sequence[str],
    targets: np.ndarray,
    settings: dict[str, Any],
    seed: int,
    say: Progress,
    checkpoint: Checkpoint | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The trained table (V, d) and the principal axes (d, d) of its text vectors, the widest first."""
    from tokenizers import Tokenizer

    bags = distil.bags(Tokenizer.from_str(vocabulary.dump(student)), texts, settings["max_tokens"], settings["repeat"])
    start = distil.initial_table(rows, bags, targets, settings["smooth"], settings["ridge"])
    options = settings["train"]
    table = distil.train(
        start,
        bags,
        targets,
        seed=seed,
        progress=say,
        objective=make_part(settings, "objective"),
        batcher=make_part(settings, "batcher", size=options["batch"]),
        checkpoint=checkpoint,
        **options,
    )
    table[~rows.any(axis=1)] = 0  # special tokens say nothing
    return distil.spread(table, bags, settings.get("whiten", 0.0))


def quantise(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows as int8 with a float32 scale each: row = scale x int8."""
    scales = np.abs(table).max(axis=1, keepdims=True) / 127
    return np.rint(table / np.maximum(scales, 1e-12)).astype(np.int8), scales.astype(np.float32)


def save_table(out: Path, table: np.ndarray, axes: np.ndarray, student: dict[str, Any], about: dict[str, Any]) -> Path:
    """Write table.safetensors, tokenizer.json and config.json; the configuration, written last, makes the folder valid."""
    from safetensors.numpy import save_file

    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").unlink(missing_ok=True)
    codes, scales = quantise(table)
    save_file({"rows": codes, "scales": scales[:, 0], "axes": axes.astype(np.float16)}, out / "table.safetensors")
    (out / "tokenizer.json").write_text(vocabulary.dump(student), encoding="utf-8")
    from codomain.encode.text.static import file_hash

    config = {"format": 1, "dim": table.shape[1], "rows": len(table), **about, "sha256": file_hash(out)}
    unfinished = out / "config.json.tmp"
    unfinished.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(out / "config.json")
    return out


def read_recipe(path: str | Path | None) -> dict[str, Any]:
    """A recipe file as a dictionary; the bundled table's own when none is named."""
    path = Path(path) if path else BUNDLED_RECIPE
    settings = read_toml(path)
    for role in PARTS:
        check_part(settings, role, str(path))
    return settings


def roots(data: str | Path | Sequence[str | Path] | None) -> list[Path]:
    """The folders that sources are looked up in."""
    if data is None:
        data = [part for part in os.environ.get("CODOMAIN_DATA", "").split(os.pathsep) if part]
    elif isinstance(data, (str, Path)):
        data = [data]
    return [Path(part).expanduser() for part in data]


def load_teacher(name: str, device: str | None = None) -> tuple[Any, dict[str, Any]]:
    """A sentence-transformers model and its tokenizer.json as a dictionary; an uncased WordPiece tokenizer is needed."""
    from codomain.encode import MiniLMEncoder, TransformerEncoder

    model = (MiniLMEncoder(device=device) if name == "minilm" else TransformerEncoder(name, device=device)).network
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    tokenizer = json.loads(backend.to_str()) if backend is not None else {}
    if tokenizer.get("model", {}).get("type") != "WordPiece" or not (tokenizer.get("normalizer") or {}).get(
        "lowercase"
    ):
        raise InputError(f"the teacher {name} has no uncased WordPiece tokenizer, which static tables are made with.")
    return model, tokenizer


def text_hash(texts: Sequence[str]) -> str:
    """SHA-256 of a list of texts, to say exactly what a table was made from."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
