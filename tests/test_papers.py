"""The register of papers says only what is true of the code."""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from codomain.errors import InputError
from codomain.measure.papers import VERDICTS, load, resolve, validate

ROOT = Path(__file__).parent.parent
REGISTER = load()
MEASURED = [paper for paper in REGISTER if paper.verdict]
PLANNED = [paper for paper in REGISTER if not paper.verdict]


def planned_modules(text: str) -> list[str]:
    """The dotted modules that the fenced list of ARCHITECTURE.md's section "Planned" names, each line with some words."""
    fence = re.search(r"^## Planned$.*?^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    lines = [re.fullmatch(r"(\w+(?:/\w+)*)/? {2,}\S.*", line) for line in fence[1].splitlines()]
    return ["codomain." + line[1].replace("/", ".") for line in lines]


MODULES = planned_modules((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))


def test_every_paper_is_there_once():
    assert [paper.number for paper in REGISTER] == list(range(1, 192))
    assert len({paper.title for paper in REGISTER}) == 191


@pytest.mark.parametrize("paper", MEASURED, ids=lambda p: str(p.number))
def test_what_was_measured_exists(paper):
    assert (ROOT / paper.proof).is_file()
    assert str(paper.number) in (ROOT / paper.proof).read_text(encoding="utf-8")
    for component in paper.components:
        resolve(component)


def test_every_paper_that_a_stage_names_has_been_measured():
    from codomain.registry import all_stages

    measured = {paper.number for paper in MEASURED}
    assert {cls.name: set(cls.papers) - measured for cls in all_stages() if set(cls.papers) - measured} == {}


def test_a_paper_is_planned_until_it_has_a_verdict():
    assert {paper.status for paper in MEASURED} == {"measured"}
    assert {paper.status for paper in PLANNED} == {"planned"}


def exists(component: str) -> bool:
    try:
        return bool(resolve(component))
    except InputError:
        return False


@pytest.mark.parametrize("paper", PLANNED, ids=lambda p: str(p.number))
def test_what_is_planned_exists_or_lies_in_a_planned_module(paper):
    lost = [name for name in paper.components if name.rpartition(".")[0] not in MODULES and not exists(name)]
    assert lost == []


def test_a_planned_module_is_listed_once():
    assert len(MODULES) == len(set(MODULES)) > 40


def test_the_list_of_planned_modules_is_the_one_in_the_section():
    text = "## Today\n```\nread/ today\n```\n## Planned\nWords.\n```\nlearn/mining/  negatives\ntesting        checks\n```\n"
    assert planned_modules(text) == ["codomain.learn.mining", "codomain.testing"]


def test_one_mechanism_has_one_name():
    homes = defaultdict(set)
    for paper in REGISTER:
        for name in paper.components:
            homes[name.rpartition(".")[2]].add(name)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_planned_names_are_spelled_the_american_way():
    british = "quantis|normalis|specialis|generalis|optimis|neighbour|behaviour|colour|centre|labell|modell"
    names = {name for paper in PLANNED for name in paper.components if not exists(name)}
    assert {name for name in names if re.search(british, name, re.IGNORECASE)} == set()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"verdict": "disputed"}, "paper 92: the verdict 'disputed' is none of holds, holds in part"),
        ({"proof": ""}, "paper 92 has a verdict but no proof"),
        ({"claim": "", "measured": ""}, "paper 92 has a verdict but no claim, no measured"),
        ({"verdict": ""}, "paper 92 has no verdict, so it is planned"),
        ({"claim": "one line\nand another"}, "paper 92: proof, claim and measured are one line each"),
        ({"date": "21 November"}, "paper 92: the date"),
        ({"components": ()}, "paper 92 needs"),
    ],
)
def test_a_wrong_entry_is_named(changes, sentence):
    paper = next(p for p in REGISTER if p.number == 92)
    validate([paper])
    with pytest.raises(InputError, match=sentence):
        validate([replace(paper, **changes)])


def test_a_paper_that_is_there_twice_is_named():
    with pytest.raises(InputError, match="paper 1 is there twice"):
        validate([REGISTER[0], REGISTER[0]])


def test_a_planned_paper_with_a_date_of_measurement_is_refused():
    with pytest.raises(InputError, match="has no verdict"):
        validate([replace(PLANNED[0], date="2026-11-21")])


def test_a_broken_register_is_one_sentence(tmp_path):
    path = tmp_path / "papers.toml"
    path.write_text("[[paper]]\nnumber = 1\n")
    with pytest.raises(InputError, match=r"paper 1: .*title.* is missing"):
        load(path)
    path.write_text('[[paper]]\nnumber = 1\ntitle = "T"\ntheme = "t"\ncomponents = ["a.b"]\nstatus = "works"\n')
    with pytest.raises(InputError, match="paper 1: status is missing or unknown"):
        load(path)
    path.write_text("[[paper\n")
    with pytest.raises(InputError, match="cannot be read"):
        load(path)
    with pytest.raises(InputError, match="no component"):
        resolve("codomain.read.nothing")


def test_a_page_gives_no_other_verdict_than_the_register():
    verdicts = {str(paper.number): paper.verdict for paper in MEASURED}
    row = re.compile(rf"^\| (\d+) \| .* \| ({'|'.join(VERDICTS)}|yes|no|in part|disputed) \|$", re.MULTILINE)
    said = {page.name: row.findall(page.read_text(encoding="utf-8")) for page in (ROOT / "docs").glob("*.md")}
    assert said["diagnose.md"]
    assert [pair for pairs in said.values() for pair in pairs if verdicts.get(pair[0]) != pair[1]] == []


def test_the_page_counts_each_verdict_and_shows_each_claim():
    page = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    for verdict in VERDICTS:
        assert f"| {verdict} | {sum(paper.verdict == verdict for paper in MEASURED)} |" in page
    for paper in MEASURED:
        section = page.split(f"### {paper.number}. ")[1].split("\n### ")[0]
        assert f"**{paper.verdict.capitalize()}.**" in section and paper.claim in section and paper.measured in section
