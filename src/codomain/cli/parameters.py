"""What the options of several commands share."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(path_type=Path)
"""A path as it is written; whether it is there, the command says in its own sentence."""
