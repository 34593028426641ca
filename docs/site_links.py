"""A hook of mkdocs: links to files of the repository outside docs/ become their paths, and the decisions are listed in the menu."""

from __future__ import annotations

import logging
import os
import posixpath
import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")
log = logging.getLogger("mkdocs.hooks")
REPOSITORY = Path(__file__).parents[1]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page without links that leave the site; a warning for a file that is not in the repository."""
    folder = posixpath.dirname(page.file.src_uri)

    def replaced(found: re.Match[str]) -> str:
        text, target = found.group(1), found.group(2)
        if "://" in target or target.startswith("mailto:"):
            return found.group(0)
        path = posixpath.normpath(posixpath.join("docs", folder, target))
        if path.startswith("docs/"):
            return found.group(0)
        if not (REPOSITORY / path).exists():
            log.warning("%s links to %s, which is not there", page.file.src_uri, path)  # an error of a strict build
        shown = text.strip("`")
        return f"`{path}`" if shown in path else f"{text} (`{path}`)"

    return LINK.sub(replaced, markdown)


def on_config(config: Any, **_: Any) -> Any:
    """The decisions in the menu, one file each."""
    files = sorted(name for name in os.listdir(Path(config["docs_dir"]) / "decisions") if name != "index.md")
    for section in config["nav"]:
        for entry in section.get("Concepts", ()) if isinstance(section, dict) else ():
            if isinstance(entry, dict) and "Decisions" in entry:
                entry["Decisions"] = ["decisions/index.md", *(f"decisions/{name}" for name in files)]
    return config
