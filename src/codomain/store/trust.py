"""Which models and files a collection may load, and which servers it may send texts to: those that this user has asked for.

A pipeline may name a model of the Hugging Face hub, a file, a server with the variable of its key, or a function of a module. Whoever writes such a pipeline asks for it: `create`, `upgrade`.
A collection that comes from elsewhere has its pipeline inside, and nobody was asked. What was asked for once is remembered in
the user's own folder (CODOMAIN_CONFIG, else ~/.config/codomain), one a line. CODOMAIN_TRUST_MODELS=1 asks for all.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from codomain.errors import StoreError
from codomain.pipeline import Pipeline, pipeline
from codomain.registry import stage_class
from codomain.stage import Stage

_asked: set[str] = set()
"""What was asked for in this process: its folder may not take the file."""

_all = False

_ask: Callable[[str], bool] | None = None
"""Asks a person whether a model may be loaded; None where nobody can be asked."""

_refused: set[str] = set()
"""What that person did not want in this process."""


class Untrusted(StoreError):
    """A collection names a model or a file that its user has not asked for."""

    def __init__(self, database: str, model: str) -> None:
        super().__init__(
            f"{wish(database, model)}: if you trust where it comes from, open it with "
            "trust_models=True, or codomain --trust-models COMMAND, once."
        )


def wish(database: str, model: str) -> str:
    """What a collection wants of its user, as they are asked."""
    wants = stage_class(model.split("(")[0]).wants
    return f"{database} wants to {wants} {model}, which you have not used yet"


def models_in(expression: str | Stage | Pipeline) -> list[str]:
    """The stages of a pipeline that load something from outside codomain, each as name(its source); none is built.

    >>> models_in("fuse(st('BAAI/bge-small-en-v1.5', dim=64) >> hnsw(), static(), bm25())")
    ["st('BAAI/bge-small-en-v1.5')"]
    """
    found: dict[str, None] = {}
    try:
        tree = ast.parse(str(expression).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # building it says what is wrong
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            cls = stage_class(call.func.id)
            if cls.reads and (asked := cls.asks_for(_arguments(call, [p.name for p in cls._parameters()]))) is not None:
                found[asked] = None
    return sorted(found)


def _arguments(call: ast.Call, names: Sequence[str]) -> dict[str, object]:
    """The arguments of a call by name; literals as values."""
    given = dict(zip(names, call.args, strict=False)) | {str(k.arg): k.value for k in call.keywords}
    return {name: node.value if isinstance(node, ast.Constant) else node for name, node in given.items()}


def trust(models: Iterable[str]) -> None:
    """Remember that the user asked for these."""
    new = [model for model in models if model not in _asked]
    _asked.update(new)
    new = [model for model in new if model not in _remembered()]
    if not new:
        return
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with _file().open("a", encoding="utf-8") as file:
            file.writelines(f"{model}\n" for model in new)
    except OSError:
        return  # then they are asked for in this process only


def trust_all() -> None:
    """Take every model of the collections that this process opens as asked for, and remember them."""
    global _all
    _all = True


def ask_with(ask: Callable[[str], bool] | None) -> None:
    """Have a person asked about each model that they have not used yet, once in this process; a yes is remembered."""
    global _ask
    _ask = ask


def untrusted(expression: str, database: str = "the collection") -> list[str]:
    """Those models of a stored pipeline that the user has never asked for, and does not ask for now."""
    models = models_in(expression)
    if _all:
        trust(models)
    if not models or os.environ.get("CODOMAIN_TRUST_MODELS") == "1":
        return []
    known = _asked | _remembered()
    left = [model for model in models if model not in known]
    if _ask is not None:
        for model in left:
            if model not in _refused and _ask(f"{wish(database, model)}."):
                trust([model])
            else:
                _refused.add(model)
        left = [model for model in left if model not in _asked]
    return left


def check_trusted(database: str, expression: str) -> None:
    """Raises Untrusted for a stored pipeline with a file that building it would read."""
    for model in untrusted(expression, database):
        if stage_class(model.split("(")[0]).reads_at_once:
            raise Untrusted(database, model)


def lock(encoder: Stage, database: str, allowed: Iterable[str]) -> None:
    """Keep an encoder from loading its model, unless that is among those that were asked for."""
    asked = encoder.asks_for(encoder.get_params()) if encoder.reads else None
    if asked is not None and asked not in allowed:
        encoder.locked = Untrusted(database, asked if encoder.wants != "load" else str(encoder))


def asked_for(wanted: str | Stage | Pipeline) -> None:
    """Remember the models of a pipeline that the user has written; call once it was built."""
    trust(models_in(pipeline(wanted)))


def _file() -> Path:
    named = os.environ.get("CODOMAIN_CONFIG")
    if named:
        return Path(named) / "trusted_models"
    base = os.environ.get("APPDATA") if sys.platform == "win32" else os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "codomain" / "trusted_models"


def _remembered() -> set[str]:
    try:
        return set(_file().read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError, RuntimeError):  # without a home
        return set()
