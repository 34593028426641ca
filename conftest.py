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
collect_ignore_glob = ["tests/*/*_worker.py"] if find_spec("torch") else ["tests/*/*_worker.py", *NETWORKS]
