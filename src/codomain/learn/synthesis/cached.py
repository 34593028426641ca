"""The texts of a Generator, kept on disk: what was written once is not paid for again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codomain.errors import InputError

if TYPE_CHECKING:
    from codomain.learn.contracts import Generator


class CachedGenerator:
    """A Generator that asks another one only for prompts that are new, `batch` of them at a time.

    `path` is a file of JSON lines, a text each, under the hash of prompt and fingerprint; each batch is written before the next
    one is asked for, so that an interrupted run continues. An incomplete last line, as a killed process leaves, is written again.

    >>> import tempfile
    >>> class Upper:
    ...     fingerprint = "upper 1"
    ...     def generate(self, prompts):
    ...         print("asked for", prompts)
    ...         return [prompt.upper() for prompt in prompts]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     texts = CachedGenerator(Upper(), Path(folder) / "texts.jsonl")
    ...     texts.generate(["a", "b", "a"]), texts.generate(["b"])
    asked for ['a', 'b']
    (['A', 'B', 'A'], ['B'])

    Raises InputError for a file that is damaged or cannot be written, or a generator that returns another number of texts.
    """

    def __init__(self, generator: Generator, path: str | Path, batch: int = 32) -> None:
        self.generator, self.path, self.batch = generator, Path(path), batch
        self._known = self._read()

    @property
    def fingerprint(self) -> str:
        """That of the generator inside."""
        return self.generator.fingerprint

    def generate(self, prompts: Sequence[str]) -> list[str]:
        """The text of each prompt, in their order."""
        keys = [self._key(prompt) for prompt in prompts]
        new = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if key not in self._known}
        waiting = list(new)
        for start in range(0, len(waiting), self.batch):
            some = waiting[start : start + self.batch]
            texts = self.generator.generate([new[key] for key in some])
            if len(texts) != len(some):
                raise InputError(f"the generator returned {len(texts)} texts for {len(some)} prompts.")
            self._write(dict(zip(some, texts, strict=True)))
        return [self._known[key] for key in keys]

    def _key(self, prompt: str) -> str:
        return hashlib.sha256(f"{self.fingerprint}\0{prompt}".encode()).hexdigest()

    def _read(self) -> dict[str, str]:
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
            whole = content[: content.rfind(b"\n") + 1]
            rows = [json.loads(line) for line in whole.splitlines()]
            if len(whole) < len(content):
                with self.path.open("r+b") as file:
                    file.truncate(len(whole))
            return {row["key"]: str(row["text"]) for row in rows}
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror or error}.") from None
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{self.path} is damaged, or holds something else than generated texts.") from None

    def _write(self, texts: dict[str, str]) -> None:
        lines = "".join(
            json.dumps({"key": key, "text": text}, ensure_ascii=False) + "\n" for key, text in texts.items()
        )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(lines)
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror or error}.") from None
        self._known.update(texts)
