"""The register has every proof of the repository, and the record and its page say only what was run."""

import tomllib
from pathlib import Path

import pytest

from codomain.measure.papers import load as papers
from proofs import run
from proofs.lib import page, record, register

ROOT = Path(__file__).parents[2]
ENTRIES = register.load()


def test_every_proof_is_in_the_register():
    scripts = {str(p.relative_to(ROOT)) for p in (ROOT / "proofs").glob("*/*.py") if p.parent.name != "lib"}
    assert {entry.script for entry in ENTRIES if entry.script.startswith("proofs/")} == scripts
    assert all((ROOT / entry.script).is_file() for entry in ENTRIES)


def test_the_proof_of_every_paper_is_in_the_register():
    assert {paper.proof for paper in papers() if paper.proof} <= {entry.script for entry in ENTRIES}


def test_every_proof_ends_in_the_same_way():
    for entry in ENTRIES:
        assert (ROOT / entry.script).read_text().endswith('if __name__ == "__main__":\n    prove(main)\n'), entry.script


def test_an_entry_is_found_by_script_and_arguments():
    assert register.find(ROOT / "proofs/tuning/tune.py", ["2"]).name == "tuning/tune 2"
    assert register.find(ROOT / "proofs/tuning/tune.py", ["7"]) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[proof", "cannot be read"),
        ('[[proof]]\nrun = "a.py"\nminutes = 1\nmodels = 2\n[proof.claims]\nx = "holds"', "a.py: models is unknown"),
        ('[[proof]]\nrun = "a.py"\nminutes = 1\n[proof.claims]\nx = "perhaps"', "not {'perhaps'}"),
        ('[[proof]]\nrun = "a.py"\nminutes = 1\n[proof.claims]\nx = "holds"\n' * 2, "a stands in the register twice"),
    ],
)
def test_a_register_that_is_none_is_refused(tmp_path, text, sentence):
    (tmp_path / "register.toml").write_text(text)
    with pytest.raises(register.RegisterError) as caught:
        register.load(tmp_path / "register.toml")
    assert sentence in str(caught.value)


def test_what_was_run_is_recorded_and_what_was_not_says_so(repository):
    repository.add("one", {"it works": True}, {"it works": "holds"})
    repository.add("two", {"it works": False}, {"it works": "holds"})
    repository.add("three", {"it works": True}, {"it works": "holds"}, more='data = ["no such folder"]')
    run.main([], repository.root)
    run.main(["--record"], repository.root)
    found = tomllib.loads((repository.root / "proofs" / "last_run.toml").read_text())
    assert [(row["name"], row["outcome"]) for row in found["proof"]] == [
        ("room/one", "passed"), ("room/two", "differs"), ("room/three", "not run"),
    ]  # fmt: skip
    assert found["proof"][1]["told"] == ["expected to hold, does not: it works"]
    assert found["proof"][2]["told"] == ["needs no such folder in the folder named by CODOMAIN_DATA"]
    assert "day" in found["proof"][0] and "day" not in found["proof"][2]


def test_a_record_keeps_what_an_earlier_run_on_another_day_found(repository):
    repository.add("one", {"it works": True}, {"it works": "holds"})
    run.main([], repository.root)
    run.main(["--record"], repository.root)
    path = repository.root / "proofs" / "last_run.toml"
    path.write_text(path.read_text().replace(record.load(path)[1]["room/one"].day, "2020-02-02"))
    for kept in (repository.root / run.KEPT).iterdir():
        kept.unlink()
    run.main(["--record"], repository.root)
    assert record.load(path)[1]["room/one"].day == "2020-02-02"


def test_the_page_does_not_take_some_proofs_for_all(monkeypatch):
    run_all = {entry.name: record.Outcome(entry.name, "passed", day="2026-01-01") for entry in ENTRIES}
    some = dict(list(run_all.items())[:3])
    monkeypatch.setattr(record, "load", lambda: ({"processor": "P, 2 cores"}, some))
    assert any(f"No full run is on record: 3 of {len(ENTRIES)} proofs were run" in line for line in page.page())
    monkeypatch.setattr(record, "load", lambda: ({"processor": "P, 2 cores"}, run_all))
    assert any("The last full run: 2026-01-01. On P, 2 cores" in line for line in page.page())
    monkeypatch.setattr(record, "load", lambda: ({}, {}))
    assert "No run is on record." in page.page()
