"""What is not collected for doctests: programs that tests start, and without torch, the extra `learn`, modules whose classes are networks."""

from importlib.util import find_spec

NETWORKS = [
    "src/codomain/learn/objectives/stationary.py",
    "src/codomain/transform/training/adapter.py",
    "src/codomain/transform/training/adversarial.py",
    "src/codomain/transform/training/recurrent.py",
]
collect_ignore = [] if find_spec("torch") else NETWORKS
collect_ignore_glob = ["tests/*/*_worker.py"]
