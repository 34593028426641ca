"""The values of options of `codomain tune`, as people write them; each raises InputError for what is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def chunks_in(given: Sequence[str]) -> list[tuple[int, int]]:
    """Sizes and overlaps of chunks, as 128/16."""
    from codomain.errors import InputError

    found = []
    for text in given:
        parts = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
        if parts is None:
            raise InputError(
                f"--chunks is the tokens of a chunk and those that neighbors share, as 128/16, not {text!r}."
            )
        found.append((int(parts[1]), int(parts[2])))
    return found


def sizes_in(text: str | None) -> list[Any]:
    """Numbers of documents, as 1000,10000,all."""
    from codomain.errors import InputError

    found: list[Any] = []
    for part in () if text is None else text.replace("_", "").split(","):
        if part.strip() != "all" and not re.fullmatch(r"[1-9]\d{0,11}", part.strip()):
            raise InputError(f"--sizes are numbers of documents or all, with commas between, not {part!r}.")
        found.append("all" if part.strip() == "all" else int(part))
    return found


def prices_in(given: Sequence[str]) -> dict[str, Any]:
    """Dollars for a million tokens by the encoder, as static()=0.02."""
    from codomain.errors import InputError
    from codomain.measure.cost import CostModel

    found = {}
    for text in given:
        encoder, _, price = text.rpartition("=")
        if not encoder or not re.fullmatch(r"[0-9]*\.?[0-9]+", price.strip()):
            raise InputError(f"--price is an encoder and dollars for a million tokens, as static()=0.02, not {text!r}.")
        found[encoder.strip()] = CostModel(float(price))
    return found


def model_in(text: str, url: str | None, key_env: str | None) -> Any:
    """A language model of a server: its name, after the server's dialect where that is not OpenAI's: ollama:llama3.2."""
    from codomain.endpoints import Generator
    from codomain.errors import InputError

    dialect, colon, model = text.partition(":")
    if not colon or dialect not in ("openai", "ollama"):  # a model's own name may have a colon
        dialect, model = "openai", text
    if not model.strip():
        raise InputError(f"--judge is the name of a model, as gpt-4o-mini or ollama:llama3.2, not {text!r}.")
    try:
        return Generator(model.strip(), dialect, url, key_env)
    except ValueError as error:
        raise InputError(f"--judge {error}.") from None


def lines_of(path: Path) -> list[str]:
    """The lines of a file that are neither empty nor comments."""
    from codomain.errors import InputError

    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise InputError(f"{path} names no pipeline.")
    return found


def amount_in(option: str, text: str | None, units: dict[str, float]) -> float | None:
    """A number with a unit; the first unit is meant where there is none."""
    from codomain.errors import InputError

    if text is None:
        return None
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*(\S*)", text.strip().lower())
    if found is None or (found[2] and found[2] not in units) or float(found[1]) <= 0:
        raise InputError(f"{option} is a number above zero with a unit of {', '.join(units)}, not {text!r}.")
    return float(found[1]) * (units[found[2]] if found[2] else next(iter(units.values())))


def bytes_in(text: str | None) -> int | None:
    """Bytes with a unit, as 4g."""
    amount = amount_in("--max-memory", text, {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30})
    return None if amount is None else int(amount)
