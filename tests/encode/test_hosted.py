"""Encoders of a server: what they are known by, and how they live in pipelines and collections."""

from __future__ import annotations

import copy
import json
import pickle
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from tests.endpoints.server import DIM, Server, serving, vector

import codomain as cd
from codomain.encode.text.window import CutWarning
from codomain.endpoints import EndpointError, Unreachable, collect
from codomain.errors import InputError, PipelineError
from codomain.store import trust
from codomain.store.trust import Untrusted, models_in

AWAY = "http://127.0.0.1:9/v1"


@pytest.fixture
def server():
    with serving() as state:
        yield state


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CODOMAIN_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(trust, "_asked", set())
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "CO_API_KEY", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    from codomain.endpoints import client

    monkeypatch.setattr(client, "_PAUSE", 0.0)


def openai(server: Server, **more) -> str:
    return str(cd.openai("m", f"{server.url}/v1", **more))


def unit(text: str) -> np.ndarray:
    row = np.float32(vector(text))
    return row / np.linalg.norm(row)


@pytest.mark.parametrize(
    ("name", "path", "query", "document"),
    [
        ("openai", "/v1", {}, {}),
        ("cohere", "", {"input_type": "search_query"}, {"input_type": "search_document"}),
        ("voyage", "/v1", {"input_type": "query"}, {"input_type": "document"}),
        ("ollama", "", {}, {}),
        ("tei", "", {}, {}),
    ],
)
def test_queries_and_documents(server: Server, name: str, path: str, query: dict, document: dict) -> None:
    encoder = getattr(cd, name)("model", server.url + path, query_prompt="q: ", document_prompt="d: ")
    np.testing.assert_allclose(encoder.encode_queries(["a fox"])[0], unit("q: a fox"), rtol=1e-6)
    np.testing.assert_allclose(encoder.encode_documents(["", "a fox"]), [np.zeros(DIM), unit("d: a fox")], rtol=1e-6)
    asked = [body for _, body, _ in server.requests if body]
    assert query.items() <= asked[0].items() and document.items() <= asked[1].items()
    assert len(asked) == 2  # an empty text is not sent


def test_vectors_of_tokens_and_sparse_ones(server: Server) -> None:
    found = cd.tei_tokens("model", server.url).encode_documents(["a red fox", "", "fox"])
    assert found.lengths.tolist() == [3, 0, 1] and found.values.shape == (4, DIM)
    np.testing.assert_allclose(found.values[2], unit("fox"), rtol=1e-6)
    found = cd.tei_sparse("model", server.url, dim=DIM).encode_documents(["a red fox", ""])
    np.testing.assert_allclose(found.toarray(), [vector("a red fox"), np.zeros(DIM)])
    with pytest.raises(InputError, match=r"has 1. terms or more: give their number as dim"):
        cd.tei_sparse("model", server.url, dim=4).encode_documents(["a red fox in the snow"])


def test_a_server_of_another_model_is_noticed(server: Server) -> None:
    with pytest.raises(InputError, match="serves the model org/model, and tei"):
        cd.tei("another/thing", server.url).encode_queries(["a"])
    server.model_id = "another/thing"
    cd.tei("another/thing", server.url).encode_queries(["a"])


def test_what_decides_a_vector_is_the_fingerprint_and_not_where_the_server_is() -> None:
    one = cd.openai("m", AWAY)
    for other in (
        cd.openai(
            "m", "http://elsewhere/v1", api_key_env="K", price=1, batch_size=3, concurrency=9, timeout=1, cache=False
        ),
        cd.openai("m"),
        cd.openai("m", window=512),
    ):
        assert other.fingerprint == one.fingerprint
    differing = [
        one, cd.openai("n", AWAY), cd.openai("m", AWAY, 8), cd.openai("m", AWAY, query_prompt="q"), cd.openai("m", AWAY, document_prompt="q"),
        cd.openai("m", AWAY, input_types=("query", "passage")), cd.ollama("m"), cd.cohere("m"), cd.voyage("m"), cd.tei("m", AWAY),
    ]  # fmt: skip
    assert (
        len({encoder.fingerprint for encoder in differing})
        == len({encoder.identity for encoder in differing})
        == len(differing)
    )
    # stored by collections: never to change
    assert one.fingerprint == "d8abdc2a67d89e4c8652e12b88e1e25b5071445d24977b8b1de2bbfa80658303"


def test_nothing_is_sent_until_something_is_encoded_and_copies_hold_no_connection(
    server: Server, tmp_path: Path
) -> None:
    expression = f"{openai(server)} >> float16() >> flat()"
    pipe = cd.pipeline(expression)
    assert str(cd.pipeline(str(pipe))) == str(pipe) and pipe.stages[0].output_dim(None) is None
    with cd.create(tmp_path / "c", pipe) as c:
        c.info()
    with cd.open(tmp_path / "c") as c:
        assert len(c) == 0
        c.info()
    assert server.requests == []
    encoder = cd.openai("m", f"{server.url}/v1")
    encoder.encode_queries(["a"])
    for other in (copy.copy(encoder), copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert other == encoder and "_client" not in vars(other)
        assert other.encode_queries(["a"]).shape == (1, DIM)
    assert encoder.dim == DIM and len(server.requests) == 1


def test_the_server_is_asked_for_the_dimensions_once(server: Server) -> None:
    assert cd.openai("m", f"{server.url}/v1").dim == DIM
    assert cd.openai("m", f"{server.url}/v1").encode_documents([]).shape == (0, DIM)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("openai('')", "needs the name of a model"),
        ("openai('m', 'localhost')", "needs base_url to be an address"),
        ("openai('m', 'http://me:pass@x/v1')", "without a password"),
        ("openai('m', api_key_env='sk-123')", "the name of an environment variable, not a key"),
        ("openai('m', dimensions=0)", "needs dimensions to be a whole number"),
        ("openai('m', concurrency=1000)", "needs concurrency to be a whole number from 1 to 64"),
        ("openai('m', price=-1)", "needs price to be a number of at least 0"),
        ("openai('m', timeout=0)", "needs timeout to be a number"),
        ("openai('m', input_types='query')", "needs input_types to be two words"),
        ("cohere('m', input_types=('a', 'b'))", "has input types of its own"),
        ("openai('m', cache=1)", "needs cache to be True or False"),
        ("tei('m')", "needs base_url, the address of your server"),
        ("tei_tokens('m', 'http://x', dimensions=8)", "has the dimensions of its model"),
    ],
)
def test_arguments_that_cannot_be(expression: str, words: str) -> None:
    with pytest.raises(PipelineError, match=words) as refused:
        cd.pipeline(expression)
    assert "pass@" not in str(refused.value)


# --- collections -------------------------------------------------------------------------------------------------------


def test_a_collection_of_a_server_counts_what_was_paid(server: Server, tmp_path: Path) -> None:
    pipe = f"{openai(server, price=20)} >> flat()"
    with cd.create(tmp_path / "c", pipe) as c:
        c.add(["amber fox", "blue whale", "green crow"])
        c.add(["grey goose"])
        assert [hit.text for hit in c.search("a blue whale", 1)] == ["blue whale"]
        facts = c.info()
    (usage,) = facts["servers"].values()
    assert usage["texts"] == 4 and usage["tokens"] == 8 and usage["usd"] == pytest.approx(8 * 20 / 1e6)
    assert any("openai('m') was sent 4 texts in 2 requests, 8 tokens for $0.00016." in note for note in facts["notes"])
    with cd.create(tmp_path / "d", pipe) as c:
        c.add(["amber fox", "blue whale"])
        assert "2 more from the cache" in c.info()["notes"][-1]
    assert server.sent().count("amber fox") == 1


def test_a_collection_opens_and_answers_without_its_server_where_it_can(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cd.create(tmp_path / "c", f"fuse({openai(server)} >> float16() >> flat(), bm25())") as c:
        c.add([{"id": name, "text": f"{name} text"} for name in ("fox", "whale")])
    number = len(server.requests)
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "of another machine"))
    server.script = [(503, {}, {})] * 100
    with cd.open(tmp_path / "c") as c:
        assert len(c) == 2 and c.info()["documents"] == 2
        assert [hit.id for hit in c.search(like="fox", k=1)] == ["whale"]
        assert [hit.id for hit in c.search(vector=vector("whale text"), k=1)] == ["whale"]
        assert len(server.requests) == number
        with pytest.raises(
            Unreachable,
            match=r"^the server 127.0.0.1:\d+ answers 503: .*, 7 times: codomain upgrade .* --offline static prepares",
        ):
            c.search("fox")
        c.update("fox", metadata={"seen": True})  # nothing is encoded
        with pytest.raises(Unreachable):
            c.add(["another"])
        assert len(c) == 2


def test_a_server_moves_and_nothing_is_encoded_again(server: Server, tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", f"{openai(server)} >> flat()") as c:
        c.add(["amber fox", "blue whale"])
    with serving() as other, cd.open(tmp_path / "c") as c:
        c.upgrade(openai(other, price=1))
        c.continue_upgrade()
        assert other.requests == []
        assert str(c.pipeline) == f"{openai(other, price=1)} >> flat()" and c.info()["upgrade"] is None
        assert [hit.text for hit in c.search("whale", 1)] == ["blue whale"] and len(other.requests) == 1
    assert sorted(server.sent()) == ["amber fox", "blue whale"]


def test_the_same_branch_on_two_servers_is_one_branch(server: Server, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="has the same branch twice"):
        cd.create(tmp_path / "c", f"fuse({openai(server)} >> flat(), openai('m', {AWAY!r}) >> flat())")


def test_texts_that_are_too_long_are_counted(server: Server, tmp_path: Path) -> None:
    server.most_words = 5
    encoder = cd.tei("model", server.url)
    with pytest.warns(CutWarning, match=r"1 of 2 texts is longer than what tei\("):
        encoder.encode_documents(["one two three four five six seven", "one"])
    with cd.create(tmp_path / "c", f"tei('model', {server.url!r}) >> flat()") as c:
        c.add(["one two three four five six seven eight"])
        (note, *_) = c.info()["notes"]
    assert "1 of 1 chunks are longer than what tei" in note and "3 tokens are in no vector" in note and "window" in note


def test_chunks_fit_the_window_that_is_given(server: Server, tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", f"{openai(server, window=16)} >> flat()") as c:
        c.add([" ".join(f"word{n}." for n in range(40))])
        assert len(server.sent()) > 2 and c.info()["unread"]["windows"] == {openai(server, window=16): 16}


def foreign(folder: Path, pipe: str) -> Path:
    """A collection as somebody may send it."""
    with cd.create(folder, "fuse(hashed(16) >> flat(), bm25())") as c:
        c.add([{"id": "a", "text": "amber fox"}])
    stage = cd.pipeline(pipe).stages[0]
    db = sqlite3.connect(folder / "collection.db")
    db.execute("UPDATE meta SET value = ? WHERE name = 'pipeline'", [f"fuse({pipe} >> flat(), bm25())"])
    db.execute(
        "UPDATE branches SET expression = ?, encoder = ? WHERE expression LIKE 'hashed%'",
        [f"{stage.identity} >> flat()", stage.fingerprint],
    ) if "encoder" in {row[1] for row in db.execute("PRAGMA table_info(branches)")} else db.execute(
        "UPDATE branches SET expression = ? WHERE expression LIKE 'hashed%'", [f"{stage.identity} >> flat()"]
    )
    db.commit()
    db.close()
    return folder


def test_a_foreign_collection_sends_nothing_anywhere_before_its_user_says_so(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET", "the crown jewels")
    pipe = f"openai('m', '{server.url}/v1', api_key_env='AWS_SECRET')"
    with cd.open(foreign(tmp_path / "c", pipe)) as c:
        assert c.ids() == ["a"]
        for use in (lambda: c.search("fox"), lambda: c.add(["a crow"])):
            with pytest.raises(
                Untrusted, match=r"wants to send texts to openai\('http://127.*api_key_env='AWS_SECRET'\), which you"
            ):
                use()
    assert server.requests == []
    # a word for the server is no word for another key
    trust.trust(models_in(f"openai('m', '{server.url}/v1')"))
    with cd.open(tmp_path / "c") as c, pytest.raises(Untrusted):
        c.search("fox")
    assert server.requests == []
    trust.trust(models_in(pipe))
    with cd.open(tmp_path / "c") as c:
        c.search("fox")
    assert server.requests[0][2]["Authorization"] == "Bearer the crown jewels"


def test_a_foreign_collection_spends_nobodys_money(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    with (
        cd.open(foreign(tmp_path / "c", "openai('m')")) as c,
        pytest.raises(Untrusted, match=r"wants to send texts to openai.'https://api.openai.com/v1'."),
    ):
        c.search("fox")


def test_what_a_user_is_asked() -> None:
    assert models_in("fuse(openai('m', 'HTTP://X:80/v1/') >> flat(), ollama(model='n', api_key_env='K'), tei('a', 'http://y'))") == [
        "ollama('http://localhost:11434', api_key_env='K')", "openai('http://x/v1')", "tei('http://y')",
    ]  # fmt: skip


def test_a_key_is_in_no_file_of_a_collection_and_of_the_cache(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    with cd.create(tmp_path / "c", f"{openai(server, api_key_env='MY_KEY')} >> flat()") as c:
        c.add(["amber fox"])
        c.search("fox")
    assert server.requests[0][2]["Authorization"] == "Bearer sk-very-secret"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 4 and not any(b"very-secret" in path.read_bytes() for path in files)


def test_usage_is_collected_where_it_is_asked_for(server: Server) -> None:
    encoder = cd.openai("m", f"{server.url}/v1", batch_size=2, concurrency=3)
    with collect() as outer, collect() as inner:
        encoder.encode_documents([f"text {n}" for n in range(10)])
    assert inner[encoder.identity] == outer[encoder.identity] and inner[encoder.identity].requests == 5
    assert json.loads(json.dumps(inner[encoder.identity].dump()))["texts"] == 10


def test_a_server_that_answers_with_another_number_of_dimensions_than_before(server: Server, tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", f"{openai(server)} >> flat()") as c:
        c.add(["amber fox"])
        server.change = lambda answer: answer | {"data": [one | {"embedding": [1.0, 2.0]} for one in answer["data"]]}
        with pytest.raises(EndpointError, match="it serves another model now"):
            c.add(["blue whale"])
