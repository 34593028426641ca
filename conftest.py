"""Without torch, the extra `learn`, modules whose classes are networks are not collected for their doctests."""

from importlib.util import find_spec

NETWORKS = [
    "src/codomain/learn/objectives/stationary.py",
    "src/codomain/transform/training/adapter.py",
    "src/codomain/transform/training/adversarial.py",
    "src/codomain/transform/training/checkpoint.py",
    "src/codomain/transform/training/loop.py",
    "src/codomain/transform/training/recurrent.py",
]
collect_ignore = [] if find_spec("torch") else NETWORKS
