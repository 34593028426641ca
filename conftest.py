"""What is not collected for doctests: programs that tests start, and modules whose extra, or framework, is not installed."""

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
FRAMEWORKS = {
    "dspy": ["src/codomain/adapters/dspy.py"],
    "haystack": ["src/codomain/adapters/haystack*.py"],
    "langchain_core": ["src/codomain/adapters/langchain.py"],
    "llama_index": ["src/codomain/adapters/llama_index.py"],
    "rerankers": ["src/codomain/adapters/reranking.py"],
    "torch": NETWORKS,
}
collect_ignore_glob = PROGRAMS + [path for name, paths in FRAMEWORKS.items() if not find_spec(name) for path in paths]
