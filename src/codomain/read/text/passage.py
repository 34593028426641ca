"""What a chunk says, as encoders and text indexes see it: its text under its title and headings."""

from __future__ import annotations

from collections.abc import Sequence


def passage(title: str | None, headings: Sequence[str], text: str) -> str:
    """A chunk with what it stands under: title, headings, text.

    >>> passage("Guide", ["Install", "Linux"], "Run make.")
    'Guide\\nInstall > Linux\\nRun make.'
    """
    above = " > ".join(heading for heading in headings if heading != title)
    return "\n".join(part for part in (title, above, text) if part)
