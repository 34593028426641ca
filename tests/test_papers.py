"""The register of papers says only what is true of the code."""

from dataclasses import replace
from pathlib import Path

import pytest

from codomain.errors import InputError
from codomain.measure.papers import load, resolve, validate

ROOT = Path(__file__).parent.parent
REGISTER = load()


def test_every_paper_is_there_once():
    assert [paper.number for paper in REGISTER] == list(range(1, 192))
    assert len({paper.title for paper in REGISTER}) == 191


@pytest.mark.parametrize("paper", [p for p in REGISTER if p.status != "planned"], ids=lambda p: str(p.number))
def test_what_was_measured_exists(paper):
    assert (ROOT / paper.proof).is_file()
    assert str(paper.number) in (ROOT / paper.proof).read_text(encoding="utf-8")
    for component in paper.components:
        resolve(component)


def test_every_paper_that_a_stage_names_has_been_measured():
    from codomain.registry import all_stages

    measured = {paper.number for paper in REGISTER if paper.status != "planned"}
    assert {cls.name: set(cls.papers) - measured for cls in all_stages() if set(cls.papers) - measured} == {}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"status": "perhaps"}, "paper 92: the status"),
        ({"proof": ""}, 'paper 92 is "works" but'),
        ({"components": ()}, "paper 92 needs"),
    ],
)
def test_a_wrong_entry_is_named(changes, sentence):
    paper = next(p for p in REGISTER if p.number == 92)
    with pytest.raises(InputError, match=sentence):
        validate([replace(paper, **changes)])
    with pytest.raises(InputError, match="twice"):
        validate([paper, paper])


def test_a_broken_register_is_one_sentence(tmp_path):
    path = tmp_path / "papers.toml"
    path.write_text("[[paper]]\nnumber = 1\n")
    with pytest.raises(InputError, match=r"paper 1: .*title.* is missing"):
        load(path)
    path.write_text("[[paper\n")
    with pytest.raises(InputError, match="cannot be read"):
        load(path)
    with pytest.raises(InputError, match="no component"):
        resolve("codomain.read.nothing")
