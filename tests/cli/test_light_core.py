"""What the light core does without the packages of the extras: scipy stands for them, since most of them need it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from codomain.encode.text import static

WITHOUT = """
import sys
for name in ("scipy", "sklearn", "numba", "numkong", "torch"):
    sys.modules[name] = None
from codomain.cli import main
sys.argv = ["codomain", *sys.argv[1:]]
main()
"""


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("light")
    texts = folder / "texts.jsonl"
    texts.write_text(
        "".join(json.dumps({"text": f"The fox of number {i} runs to the river."}) + "\n" for i in range(200))
    )
    done = _run("index", str(texts), "--into", str(folder / "notes"))
    assert done.returncode == 0, done.stderr
    return str(folder / "notes")


def test_it_indexes_searches_and_diagnoses(notes: str) -> None:
    assert "river" in _run("search", notes, "which fox runs?", "--json").stdout
    told = _run("diagnose", notes)
    assert told.returncode == 0 and "needs packages" not in told.stdout, told.stdout


def test_what_it_lacks_is_one_sentence(notes: str) -> None:
    for arguments, extra in (
        (("map", notes, "--html", f"{notes}.html"), "map"),
        (("index", __file__, "--into", f"{notes}2", "--pipeline", "char_ngrams() >> sparse()"), "engines"),
        (("learn", "static", "--out", f"{notes}3"), "learn"),
    ):
        done = _run(*arguments)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert f"codomain[{extra}]" in done.stderr


def test_static_has_the_same_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    words = np.array(
        [
            "a",
            "fox",
            "the",
            "river",
            "runs",
            "number",
            "house",
            "of",
            "of",
            "the",
            "the",
            "licence",
            "renewal",
            "passport",
        ]
    )
    texts = [" ".join(rng.choice(words, size)) for size in rng.integers(0, 90, 150)]
    encoder = static.StaticEncoder()
    with_scipy = encoder.encode_documents(texts)
    monkeypatch.setattr(static, "find_spec", lambda name: None)
    without = encoder.encode_documents(texts)
    np.testing.assert_allclose(without, with_scipy, atol=1e-6)
    assert (np.linalg.norm(without, axis=1) > 0.9).sum() == sum(bool(text) for text in texts)
