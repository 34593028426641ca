"""Encoders of one's own: functions, objects of other libraries, and where they can be found again."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError, PipelineError
from codomain.store import trust
from codomain.store.trust import Untrusted

MODULE = """
import numpy as np
calls = []
def lengths(texts):
    calls.append(texts)
    return np.array([[len(text), 1.0, text.count("a")] for text in texts])
def upper(texts):
    return lengths([text.upper() for text in texts])
class Model:
    def encode(self, texts):
        return lengths(texts)
model = Model()
def bad(texts):
    return [[1.0, float("nan")]] * len(texts)
def few(texts):
    return [[1.0, 2.0]]
def broken(texts):
    raise KeyError("weights")
def flat(texts):
    return [1.0] * len(texts)
def ragged(texts):
    return [[1.0], [1.0, 2.0]][: len(texts)]
number = 7
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "made_encoders.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CODOMAIN_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(trust, "_asked", set())
    import made_encoders

    yield made_encoders
    del sys.modules["made_encoders"]


def unit(*row: float) -> np.ndarray:
    return np.float32(row) / np.linalg.norm(row)


def test_a_function_is_known_by_its_path(module, tmp_path: Path) -> None:
    encoder = cd.encoder(module.lengths)
    assert str(encoder) == "encoder('made_encoders:lengths')" and encoder.unstorable == ""
    assert cd.pipeline(str(encoder)).stages[0] == encoder
    assert cd.pipeline(str(encoder)).stages[0].fingerprint == encoder.fingerprint
    np.testing.assert_allclose(encoder.encode_documents(["aab", ""]), [unit(3, 1, 2), np.zeros(3)])
    with cd.create(tmp_path / "c", encoder >> cd.flat()) as c:
        c.add(["aaaa", "b"])
    with cd.open(tmp_path / "c") as c:
        assert [hit.text for hit in c.search("aaa", 1)] == ["aaaa"]


def test_what_else_a_path_may_name(module) -> None:
    expected = unit(2, 1, 1)
    for path in ("made_encoders:model", "made_encoders:Model()", "made_encoders:model.encode", "made_encoders:lengths"):
        np.testing.assert_allclose(cd.encoder(path).encode_queries(["ab"])[0], expected)
    np.testing.assert_allclose(cd.encoder(module.model).encode_queries(["ab"])[0], expected)


def test_queries_and_prompts(module) -> None:
    encoder = cd.encoder(module.lengths, queries=module.upper, query_prompt="a ", document_prompt="bb")
    assert (
        str(encoder)
        == "encoder('made_encoders:lengths', queries='made_encoders:upper', query_prompt='a ', document_prompt='bb')"
    )
    np.testing.assert_allclose(encoder.encode_documents(["a"])[0], unit(3, 1, 1))
    np.testing.assert_allclose(encoder.encode_queries(["a"])[0], unit(3, 1, 0))


def test_the_function_is_given_lists_of_texts_that_say_something(module) -> None:
    told: list[int] = []
    cd.encoder(module.lengths, dim=3).encode_documents(
        ["", "x", " "] + ["y"] * 1500, lambda step, done, total: told.append(done)
    )
    assert [len(texts) for texts in module.calls] == [1024, 477] and told[-1] == 1503
    module.calls.clear()
    assert cd.encoder(module.lengths, dim=3).encode_documents([""]).tolist() == [[0, 0, 0]] and module.calls == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: lambda texts: [[1.0]] * len(texts), "was made from a lambda, which another program cannot find again"),
        (
            lambda: test_what_else_a_path_may_name.__class__(test_what_else_a_path_may_name.__code__, {}, "inner"),
            "the function inner",
        ),
        (lambda: type("Thing", (), {"encode": lambda self, texts: [[1.0]] * len(texts)})(), "an object of Thing"),
    ],
)
def test_what_cannot_be_found_again_serves_in_memory_only(tmp_path: Path, make, words: str) -> None:
    encoder = cd.encoder(make(), dim=1)
    with pytest.raises(PipelineError, match=words) as refused:
        cd.create(tmp_path / "c", encoder >> cd.flat())
    assert "encoder('package.module:function')" in str(refused.value) and not (tmp_path / "c").exists()
    with cd.create(tmp_path / "d", "static() >> flat()") as c, pytest.raises(PipelineError, match=words):
        c.upgrade(encoder)
    again = cd.pipeline(str(encoder)).stages[0]
    with pytest.raises(InputError, match="was made from an object of a program that has ended"):
        again.encode_queries(["x"])


def test_two_lambdas_are_two_encoders() -> None:
    seen: list[int] = []
    one, other = (cd.encoder(lambda t, n=n: seen.append(n) or [[1, n]] * len(t), dim=2) for n in (2, 3))
    assert one != other and one.fingerprint != other.fingerprint
    cd.Retriever(cd.fuse(one >> cd.flat(), other >> cd.flat())).index(["fox", "whale"])
    assert {*seen} == {2, 3}


def test_a_version_makes_another_fingerprint_and_dimensions_do_not(module) -> None:
    encoder = cd.encoder(module.lengths)
    assert (
        cd.encoder(module.lengths, dim=3).fingerprint
        == encoder.fingerprint
        == cd.encoder("made_encoders:lengths").fingerprint
    )
    others = [
        cd.encoder(module.lengths, version="2"),
        cd.encoder(module.upper),
        cd.encoder(module.lengths, query_prompt="q"),
        cd.encoder(module.lengths, queries=module.upper),
    ]
    assert len({other.fingerprint for other in (*others, encoder)}) == 5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bad", "NaN"),
        ("few", "gives 1 vectors for 2 texts"),
        ("broken", "failed: KeyError: 'weights'"),
        ("flat", "table of shape"),
        ("ragged", "no table of numbers"),
        ("number", "neither a function nor an object"),
        ("nothing", "cannot be loaded from made_encoders:nothing: AttributeError"),
    ],
)
def test_a_function_that_gives_something_else(module, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        cd.encoder(f"made_encoders:{name}").encode_documents(["a", "b"])


@pytest.mark.parametrize("path", ["os.path", "os:", ":x", "a b:c", "os:sys.__import__('x')", "", "../x:y"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(PipelineError, match="needs a path such as"):
        cd.pipeline(f"encoder({path!r})")


def test_arguments_that_cannot_be() -> None:
    for load in (7, None, [1]):
        with pytest.raises(PipelineError, match=r"encoder.. needs a function"):
            cd.encoder(load)


def test_a_foreign_collection_runs_nothing(module, tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "fuse(hashed(3) >> flat(), bm25())") as c:
        c.add(["amber fox"])
    db = sqlite3.connect(tmp_path / "c" / "collection.db")
    db.execute(
        "UPDATE meta SET value = ? WHERE name = 'pipeline'",
        ["fuse(encoder('made_encoders:lengths') >> flat(), bm25())"],
    )
    db.execute(
        "UPDATE branches SET expression = ? WHERE expression LIKE 'hashed%'",
        ["encoder('made_encoders:lengths') >> flat()"],
    )
    db.commit()
    db.close()
    with (
        cd.open(tmp_path / "c") as c,
        pytest.raises(Untrusted, match=r"wants to run encoder\('made_encoders:lengths'\)"),
    ):
        c.search("fox")
    assert module.calls == []


@pytest.mark.needs_learn
def test_a_model_of_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    from codomain.encode.text.transformer import minilm_folder

    model = SentenceTransformer(minilm_folder("test"), device="cpu")
    encoder = cd.encoder(model)
    texts = ["a red fox", "a blue whale"]
    np.testing.assert_allclose(encoder.encode_documents(texts), cd.minilm().encode_documents(texts), atol=1e-5)
    assert encoder.dim == 384 and "an object of SentenceTransformer" in encoder.unstorable
    assert encoder.fingerprint == cd.encoder(SentenceTransformer(minilm_folder("test"), device="cpu")).fingerprint


def test_a_static_model_of_model2vec() -> None:
    model2vec = pytest.importorskip("model2vec")
    from tokenizers import Tokenizer, models, pre_tokenizers

    def made(seed: int):
        tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "red": 1, "fox": 2}, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        vectors = np.random.default_rng(seed).standard_normal((3, 8)).astype(np.float32)
        return vectors, model2vec.StaticModel(vectors, tokenizer)

    vectors, model = made(0)
    encoder = cd.encoder(model)
    np.testing.assert_allclose(encoder.encode_documents(["red fox"])[0], unit(*(vectors[1] + vectors[2])), atol=1e-6)
    assert encoder.fingerprint == cd.encoder(made(0)[1]).fingerprint != cd.encoder(made(1)[1]).fingerprint
    assert "an object of StaticModel" in encoder.unstorable
