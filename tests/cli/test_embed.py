"""Texts to vectors on the command line: what every form holds is what the encoder gives."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import codomain as cd

Run = Callable[..., tuple[int, str, str]]
TEXTS = [f"a text about {word}" for word in ["rivers", "stones", "clouds", "bread"]] * 300
# in the batches of the command: what a text gives may differ in its last bits from batch to batch
EXPECTED = np.concatenate([cd.static().encode_documents(TEXTS[i : i + 1_024]) for i in (0, 1_024)])


@pytest.fixture
def run(command: Run, tmp_path: Path) -> Run:
    rows = [json.dumps({"key": f"k{i}", "body": text}) for i, text in enumerate(TEXTS)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    return command


def test_lines_of_standard_input_become_lines_of_json(run: Run) -> None:
    code, out, _ = run("embed", "static()", stdin="\n".join(TEXTS) + "\n")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [line["id"] for line in lines] == [str(i) for i in range(len(TEXTS))]
    assert np.array_equal(np.array([line["vector"] for line in lines], np.float32), EXPECTED)
    _, out, _ = run("embed", "static()", "--as", "base64", stdin=TEXTS[0])
    assert np.array_equal(
        np.frombuffer(base64.b64decode(json.loads(out)["vector"]), "<f4"), cd.static().encode_documents(TEXTS[:1])[0]
    )


@pytest.mark.parametrize("suffix", ["npy", "parquet", "jsonl"])
def test_a_table_becomes_a_file(run: Run, tmp_path: Path, suffix: str) -> None:
    options = ["--text-field", "body", "--id-field", "key", "--to", f"v.{suffix}"]
    assert run("embed", "static()", "rows.jsonl", *options) == (0, f"v.{suffix}: 1,200 vectors.\n", "")
    if suffix == "npy":
        found, ids = np.load(tmp_path / "v.npy"), None
    elif suffix == "parquet":
        table = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / "v.parquet").to_pydict()
        found, ids = np.array(table["vector"], np.float32), table["id"]
    else:
        lines = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
        found, ids = np.array([line["vector"] for line in lines], np.float32), [line["id"] for line in lines]
    assert np.array_equal(found, EXPECTED) and ids in (None, [f"k{i}" for i in range(len(TEXTS))])


def test_transforms_are_fitted_on_the_first_texts_and_queries_stay_precise(run: Run, tmp_path: Path) -> None:
    assert run("embed", "static() >> pca(8)", "--to", "v.npy", stdin="\n".join(TEXTS))[0] == 0
    expected = cd.pca(8).fit(EXPECTED).transform(EXPECTED)
    assert np.allclose(np.load(tmp_path / "v.npy"), expected, atol=1e-5)
    run("embed", "static() >> int8()", "--queries", "--to", "q.npy", stdin="\n".join(TEXTS))
    assert np.array_equal(np.load(tmp_path / "q.npy"), EXPECTED)


def test_sparse_vectors_have_their_indices_and_no_place_in_npy(run: Run, tmp_path: Path) -> None:
    _, out, _ = run("embed", "bag_of_words()", stdin=TEXTS[0])
    vector, expected = json.loads(out)["vector"], cd.bag_of_words().encode_documents(TEXTS[:1])
    assert vector == {"indices": expected.indices.tolist(), "values": expected.data.tolist()}
    code, _, said = run("embed", "bag_of_words()", "--to", "v.npy", stdin=TEXTS[0])
    assert code == 2 and "write .jsonl" in said and list(tmp_path.glob("*v.npy*")) == []


def test_what_cannot_be_embedded_is_a_sentence(run: Run) -> None:
    for arguments in (
        ["bm25()"],
        ["vectors(3)"],
        ["nonsense()"],
        ["static()", "nothing.txt"],
        ["static()", "--to", "v.csv"],
    ):
        code, _, said = run("embed", *arguments, stdin="a text")
        assert code == 2 and said.count("\n") == 1, arguments
    assert run("embed", "static()", stdin="")[0] == 1


def test_blank_lines_keep_their_number_and_are_counted(run: Run) -> None:
    code, out, err = run("embed", "static()", stdin="a fox\n\n  \nb\n")
    assert code == 0 and [json.loads(line)["id"] for line in out.splitlines()] == ["0", "1", "2", "3"]
    assert not any(json.loads(out.splitlines()[1])["vector"])
    assert "2 texts are blank and have vectors of zeros" in err
    assert "1 text is blank and has a vector of zeros" in run("embed", "static()", stdin="a\n\n")[2]
    assert run("embed", "static()", stdin="a\nb\n")[2] == ""


def test_skipped_files_are_named_counted_and_exit_with_3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("a fox")
    (tmp_path / "files" / "b\x1b[31m.ipynb").write_text("{")
    code, out, err = run("embed", "static()", "files", "--to", "v.npy")
    assert code == 3 and out == "v.npy: 1 vectors.\n"
    assert "b\u241b[31m.ipynb" in err and "1 file or line was skipped." in err
    (tmp_path / "files" / "a.txt").unlink()
    assert run("embed", "static()", "files")[0] == 3


def test_the_package_is_a_program() -> None:
    import subprocess
    import sys

    run = subprocess.run([sys.executable, "-m", "codomain", "--version"], capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout == f"codomain {cd.__version__}\n"
