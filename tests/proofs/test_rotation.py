"""Which proofs a commit runs: within the minutes, the same for a commit, and each quick one for some commits."""

from hypothesis import given
from hypothesis import strategies as st

from proofs.lib.register import Entry
from proofs.lib.rotation import rotated


def entry(number: int, minutes: float) -> Entry:
    return Entry(f"proofs/room/p{number}.py", (), (), (), "", minutes, {"c": True})


@given(st.lists(st.floats(0.1, 30), max_size=40), st.text(max_size=8), st.floats(0.5, 60))
def test_a_choice_stays_within_the_minutes_and_leaves_out_nothing_that_would_fit(minutes, commit, budget):
    entries = [entry(i, m) for i, m in enumerate(minutes)]
    chosen = rotated(entries, commit, budget)
    used = sum(one.minutes for one in chosen)
    assert used <= budget + 1e-9
    assert chosen == rotated(list(reversed(entries)), commit, budget)
    left = [one for one in entries if one not in chosen and one.minutes <= budget / 2]
    assert all(one.minutes > budget - used - 1e-9 for one in left)


def test_every_quick_proof_is_run_by_some_commits():
    entries = [entry(i, 0.5 + i % 4) for i in range(60)]
    seen = {one.name for commit in range(300) for one in rotated(entries, f"{commit:x}", 8)}
    assert seen == {one.name for one in entries if one.minutes <= 4}
