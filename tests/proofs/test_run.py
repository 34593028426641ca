"""A run of proofs fails on every difference from the register, never takes a proof that was not run for a success, and resumes."""

import subprocess
import sys

import pytest

from proofs import run
from proofs.lib import running

HOLDS, FAILS = {"it works": True}, {"it works": False}


def test_what_comes_out_as_expected_passes(repository, capsys):
    repository.add("one", HOLDS, {"it works": "holds"})
    repository.add("two", FAILS, {"it works": "does not hold"})
    assert run.main([], repository.root) == 0
    assert "2 passed, 0 differ, 0 not run" in capsys.readouterr().out


def test_a_claim_that_stopped_holding_fails_the_run(repository, capsys):
    repository.add("one", FAILS, {"it works": "holds"})
    assert run.main([], repository.root) == 1
    assert "expected to hold, does not: it works" in capsys.readouterr().out


def test_a_claim_that_holds_against_expectation_fails_the_run(repository, capsys):
    repository.add("one", HOLDS, {"it works": "does not hold"})
    assert run.main([], repository.root) == 1
    assert "expected not to hold, holds: it works" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [({}, "before its claims"), ({"another": True}, "missing, the proof did not say: it works"), ({**HOLDS, "another": True}, "new, not in the register: another")],
)  # fmt: skip
def test_a_claim_that_is_missing_or_new_fails_the_run(repository, capsys, claims, sentence):
    repository.add("one", claims, {"it works": "holds"})
    assert run.main([], repository.root) == 1
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize("lacking", ['data = ["no such folder"]', 'packages = ["no-such-package"]'])
def test_a_proof_that_lacks_something_is_not_run_and_no_success(repository, capsys, lacking):
    repository.add("one", HOLDS, {"it works": "holds"}, more=lacking)
    assert run.main([], repository.root) == 3
    out = capsys.readouterr().out
    assert "not run" in out and "needs no" in out and "0 passed, 0 differ, 1 not run" in out
    assert repository.runs == []


def test_what_was_not_run_is_told_beside_what_passed(repository, capsys):
    repository.add("one", HOLDS, {"it works": "holds"})
    repository.add("two", HOLDS, {"it works": "holds"}, more='data = ["no such folder"]')
    assert run.main([], repository.root) == 0
    assert "1 passed, 0 differ, 1 not run" in capsys.readouterr().out


@pytest.mark.parametrize("body", ["raise ImportError('no module named x')", "raise ValueError('no module named x')"])
def test_a_proof_that_breaks_off_though_it_lacks_nothing_fails_the_run(repository, capsys, body):
    repository.add("one", HOLDS, {"it works": "holds"}, body)
    assert run.main([], repository.root) == 1
    assert "ended with code 1 before its claims" in capsys.readouterr().out


def test_a_proof_that_does_not_end_is_ended_and_fails_the_run(repository, capsys, monkeypatch):
    monkeypatch.setattr(running, "LEAST", 0.02)
    repository.add("one", HOLDS, {"it works": "holds"}, "__import__('time').sleep(600)", minutes=0.001)
    assert run.main([], repository.root) == 1
    assert "ended after" in capsys.readouterr().out


def test_what_passed_is_not_run_again(repository, capsys):
    repository.add("one", HOLDS, {"it works": "holds"})
    repository.add("two", FAILS, {"it works": "holds"})
    assert [run.main([], repository.root), run.main([], repository.root)] == [1, 1]
    assert repository.runs == ["one", "two", "two"]
    assert "kept from an earlier run" in capsys.readouterr().out
    assert run.main(["--fresh", "room/one"], repository.root) == 0
    assert repository.runs[3:] == ["one"]


@pytest.mark.parametrize(
    "changed", ["constraints.txt", "src/codomain/pipeline.py", "proofs/lib/claims.py", "proofs/room/one.py"]
)
def test_a_change_of_what_a_proof_rests_on_has_it_run_again(repository, changed):
    repository.add("one", HOLDS, {"it works": "holds"})
    run.main([], repository.root)
    path = repository.root / changed
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.is_file() else "") + "\n# changed\n")
    run.main([], repository.root)
    assert repository.runs == ["one", "one"]


def test_another_expectation_is_compared_with_what_was_found(repository):
    repository.add("one", HOLDS, {"it works": "holds"})
    assert run.main([], repository.root) == 0
    repository.add("one", HOLDS, {"it works": "does not hold"})
    assert run.main([], repository.root) == 1


def test_a_proof_or_a_room_is_run_by_its_name(repository, capsys):
    repository.add("one", HOLDS, {"it works": "holds"})
    repository.add("oneself", HOLDS, {"it works": "holds"})
    run.main(["room/one"], repository.root)
    assert repository.runs == ["one"]
    run.main(["room"], repository.root)
    assert repository.runs == ["one", "oneself"]
    assert run.main(["rooms"], repository.root) == 2
    assert "no proof is called rooms" in capsys.readouterr().err


def test_a_quick_run_stays_within_its_minutes(repository, capsys):
    for name in ("one", "two", "three"):
        repository.add(name, HOLDS, {"it works": "holds"}, minutes=2)
    repository.add("long", HOLDS, {"it works": "holds"}, minutes=60)
    assert run.main(["--quick", "4"], repository.root) == 0
    assert "2 passed, 0 differ, 0 not run" in capsys.readouterr().out
    assert "long" not in repository.runs


def test_a_broken_register_is_one_sentence(repository, capsys):
    repository.register.write_text("[[proof]]\nrun = 'proofs/room/one.py'\n")
    assert run.main([], repository.root) == 2
    assert "proofs/room/one.py: it needs run, minutes above 0, and claims" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("claims", "word", "arguments", "code"),
    [(HOLDS, "holds", [], 0), (FAILS, "holds", [], 1), (FAILS, "does not hold", [], 0), (HOLDS, "holds", ["other"], 3)],
)
def test_a_proof_by_itself_ends_with_the_code_that_compares_it(repository, claims, word, arguments, code):
    script = repository.add("one", claims, {"it works": word})
    assert subprocess.run([sys.executable, script, *arguments], check=False, stdout=subprocess.PIPE).returncode == code


def test_a_proof_by_itself_that_lacks_something_says_so(repository):
    script = repository.add(
        "one", HOLDS, {"it works": "holds"}, more='packages = ["no-such-package"]\nextra = "codomain[x]"'
    )
    done = subprocess.run([sys.executable, script], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "not run: needs no-such-package (codomain[x])\n")
