"""Searches while the server of an encoder is away: by another encoder and a bridge, measured, said, and never in silence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import command  # noqa: F401
from tests.endpoints.server import serving

import codomain as cd
from codomain.endpoints import Unreachable, client
from codomain.errors import InputError, PipelineError, StoreError
from codomain.registry import stage
from codomain.stage import Stage
from codomain.store import trust
from codomain.store.upgrade.begin import BelowFloor

WORDS = [f"{a}{b}" for a in ("red", "blue", "old", "new", "wet", "dry") for b in ("fox", "oak", "sea", "hut", "owl")]


def documents() -> list[dict[str, str]]:
    rng = np.random.default_rng(3)
    return [{"id": str(n), "text": " ".join(rng.choice(WORDS, 6))} for n in range(200)]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory):
    """A server, and a collection of it."""
    folder = tmp_path_factory.mktemp("offline") / "one"
    with serving() as state:
        with cd.create(folder, f"openai('m', '{state.url}/v1', cache=False) >> flat()") as c:
            c.add(documents())
        yield state, folder


@pytest.fixture
def server(original):
    state, _ = original
    state.script = []
    return state


@pytest.fixture
def made(original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(client, "_PAUSE", 0.0)
    return Path(shutil.copytree(original[1], tmp_path / "one"))


def away(server) -> None:
    server.script = [(503, {}, {"error": {"message": "closed for repairs"}})] * 1000


def overlap(found, expected) -> float:
    return len({hit.id for hit in found} & {hit.id for hit in expected}) / len(expected)


def test_searches_go_on_through_the_bridge_and_say_so(server, made: Path, caplog: pytest.LogCaptureFixture) -> None:
    with cd.open(made) as c:
        # another encoder of the same words: a linear map leads from one to the other
        (report,) = c.prepare_offline("hashed(64)")
        assert report["method"] and report["ratio_to_old"] > 0.8
        queries = [document["text"] for document in documents()[:20]]
        expected = [c.search(query, 10) for query in queries]
        away(server)
        number = len(server.requests)
        found = [c.search(query, 10) for query in queries]
        assert np.mean([overlap(a, b) for a, b in zip(found, expected, strict=True)]) > 0.7
        assert len(server.requests) == number + 20  # asked once for each, and not waited for
    told = [r.message for r in caplog.records if "go through a bridge" in r.message]
    assert len(told) == 1 and "closed for repairs" in told[0] and "hashed()" in told[0]
    with cd.open(made) as c:  # again, in another process so to speak
        assert c.search("redfox blueoak", 3)
        server.script = []
        assert [hit.id for hit in c.search(queries[0], 10)] == [hit.id for hit in expected[0]]


def test_without_a_bridge_it_is_said_how_to_get_one(server, made: Path) -> None:
    away(server)
    with cd.open(made) as c:
        with pytest.raises(
            Unreachable, match=r"closed for repairs, 7 times: codomain upgrade .*one --offline static prepares"
        ):
            c.search("redfox")
        (report,) = c.prepare_offline("hashed(64)")  # from what is stored: documents stand for questions
        assert report["pairs"] == "documents"
        assert c.search("redfox blueoak", 3)


def test_a_bridge_that_keeps_too_little_is_refused(server, made: Path) -> None:
    with cd.open(made) as c:
        with pytest.raises(BelowFloor, match=r"less than the floor of 0.5: nothing was changed") as refused:
            c.prepare_offline("bag_of_nothing()")
        assert len(refused.value.reports) == 1 and not [*(made / "derived").glob("offline*")]


def test_what_cannot_be(server, made: Path, tmp_path: Path) -> None:
    with cd.open(made) as c:
        for encoder in ("bm25", "static() >> flat()", "openai('m', 'http://127.0.0.1:9')", "vectors(3)"):
            with pytest.raises(
                PipelineError, match="is no encoder of texts to dense vectors that runs on this machine"
            ):
                c.prepare_offline(encoder)
    with cd.create(tmp_path / "d", "static() >> flat()") as c, pytest.raises(InputError, match="needs no bridge"):
        c.prepare_offline()


def test_a_bridge_of_another_state_or_a_damaged_one_is_not_used(server, made: Path) -> None:
    with cd.open(made) as c:
        c.prepare_offline("hashed(64)")
    (path,) = (made / "derived").glob("offline*/bridge")
    whole = path.read_bytes()
    away(server)
    head = json.loads(whole.partition(b"\n")[0])
    for wrong in ({"fingerprint": "another"}, {"rows": "another"}):
        path.write_bytes(json.dumps(head | wrong).encode() + b"\n" + whole.partition(b"\n")[2])
        with cd.open(made) as c, pytest.raises(Unreachable, match="--offline static prepares"):
            c.search("redfox")
    path.write_bytes(whole[:-100])
    with cd.open(made) as c, pytest.raises(StoreError, match="is damaged"):
        c.search("redfox")


def test_the_encoder_of_a_foreign_bridge_is_asked_for(
    server, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cd.open(made) as c:
        c.prepare_offline("hashed(64)")
    (path,) = (made / "derived").glob("offline*/bridge")
    head, _, state = path.read_bytes().partition(b"\n")
    path.write_bytes(json.dumps(json.loads(head) | {"encoder": "st('somebody/model')"}).encode() + b"\n" + state)
    away(server)
    with cd.open(made) as c, pytest.raises(trust.Untrusted, match="wants to load st"):
        c.search("redfox")


def test_on_the_command_line(server, made: Path, command, caplog: pytest.LogCaptureFixture) -> None:  # noqa: F811
    code, out, err = command("upgrade", str(made), "--offline", "hashed(64)")
    assert code == 0 and out.startswith("bridge     openai('m', base_url=") and "-> hashed()" in out, err
    away(server)
    code, out, err = command("search", str(made), "redfox blueoak")
    assert code == 0 and "go through a bridge" in caplog.text and out
    code, _, err = command("upgrade", str(made), "--offline", "static", "--rollback")
    assert code == 2 and "give one of" in err


@stage("bag_of_nothing", modalities=["text"], gives="dense")
class BagOfNothing(Stage):
    """The same vector for every text."""

    dim, fingerprint = 4, "bag of nothing 1"

    def encode_documents(self, texts, progress=None):
        return np.random.default_rng(len(texts)).standard_normal((len(texts), 4)).astype(np.float32)

    encode_queries = encode_documents
