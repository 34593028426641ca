"""What is not collected for doctests: programs that tests start, and without torch, the extra `learn`, modules that import it."""

from importlib.util import find_spec

NETWORKS = [
    "src/codomain/learn/contracts.py",
    "src/codomain/learn/objectives/*.py",
    "src/codomain/learn/saving.py",
    "src/codomain/learn/token_table.py",
    "src/codomain/learn/trainer.py",
    "src/codomain/transform/training/*.py",
]
PROGRAMS = ["tests/*/*_worker.py", "tests/fuzz/child.py"]
collect_ignore_glob = PROGRAMS if find_spec("torch") else [*PROGRAMS, *NETWORKS]
