"""The sets inside the package."""

from __future__ import annotations

from pathlib import Path

from codomain.measure.data.datasets import Dataset, dataset, read_folder

_FOLDER = Path(__file__).parents[2] / "data"


@dataset("debian")
def debian(split: str = "test") -> Dataset:
    """Descriptions of 10,000 Debian packages; each one's short description asks for the long one."""
    return read_folder(_FOLDER / "debian", "debian", split)


@dataset("wordnet")
def wordnet(split: str = "test") -> Dataset:
    """Definitions of WordNet's senses; words ask for the definitions that are theirs."""
    return read_folder(_FOLDER / "wordnet", "wordnet", split)


@dataset("verses")
def verses(split: str = "test") -> Dataset:
    """Verses of one translation ask for the same verse of another."""
    return read_folder(_FOLDER / "verses", "verses", split)
