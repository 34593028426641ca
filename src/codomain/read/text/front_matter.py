"""Front matter: the settings between two lines of --- that a Markdown file may begin with."""

from __future__ import annotations

import re
from typing import Any

from codomain.read.values import typed

_LONGEST = 20_000
_BLOCK = re.compile(r"---[ \t]*\r?\n((?:.*\n)*?)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)")
_SETTING = re.compile(r"""([^\s#\-"'\[\]{}:>|][^:]*?|"[^"]*"|'[^']*')[ \t]*:(?:[ \t]+(.*))?""")
_COMMENT = re.compile(r"(?:\A|[ \t])#.*")
_WORDS = {"true": True, "false": False, "null": None, "~": None}


def front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The settings that a text begins with, and the text behind them.

    Understood are `name: value`, `name: [a, b]` and lists of `- item`; what else is indented under a name is its text.
    A block with any other line is no front matter and stays in the text.

    >>> front_matter("---\\ntitle: Fox\\ntags: [red, quick]\\nyear: 2020\\n---\\nIt runs.")
    ({'title': 'Fox', 'tags': ['red', 'quick'], 'year': 2020}, 'It runs.')
    >>> front_matter("---\\nA text between rules.\\n---\\n")
    ({}, '---\\nA text between rules.\\n---\\n')
    """
    block = _BLOCK.match(text[:_LONGEST]) if text.startswith("---") else None
    fields = _settings(block[1].splitlines()) if block else None
    return ({}, text) if not block or not fields else (fields, text[block.end() :])


def _settings(lines: list[str]) -> dict[str, Any] | None:
    """The fields of a block, None where a line is no setting."""
    fields: dict[str, Any] = {}
    name = None
    for line in lines:
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        held = fields.get(name) if name is not None else None
        if name is not None and re.match(r"-(\s|\Z)", words) and (held is None or isinstance(held, list)):
            fields[name] = [*(held or []), _text(words[1:])]
        elif name is not None and line[0] in " \t":
            before = "" if held is None or held in ("|", ">", "|-", ">-") else f"{held} "
            fields[name] = before + words
        elif setting := _SETTING.fullmatch(line.rstrip()):
            name = setting[1].strip("\"'")
            fields[name] = _value(setting[2] or "")
        else:
            return None
    return fields


def _value(words: str) -> Any:
    words = words.strip()
    if words[:1] in ('"', "'"):
        return _text(words)
    words = _COMMENT.sub("", words).strip()
    if words.startswith("[") and words.endswith("]"):
        items = re.findall(r"""\s*("[^"]*"|'[^']*'|[^,]+)\s*(?:,|\Z)""", words[1:-1])
        return [_text(item) for item in items if item.strip()]
    return _WORDS[words.lower()] if words.lower() in _WORDS else typed(words)


def _text(words: str) -> str:
    """A plain or quoted text."""
    words = words.strip()
    if quoted := re.match(r"""(?:"([^"]*)"|'([^']*)')\s*(?:#.*)?\Z""", words):
        return quoted[1] if quoted[1] is not None else quoted[2]
    return words if words[:1] in ('"', "'") else _COMMENT.sub("", words).strip()
