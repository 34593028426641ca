"""Coverage-guided fuzzing of what reads bytes: `make fuzz`.

targets.py      the readers, parsers and formats, and the rule that each case is held to
forged.py       checksums made to fit changed files, so that what lies behind them is reached
child.py        one target under atheris
run.py          all targets in turn; writes record.toml
test_seeds.py   every seed once, in the default suite
seeds/          a folder a target: files by the project's own writers or by hand, and each case that broke the rule
record.toml     what was tried, and what survived
"""
