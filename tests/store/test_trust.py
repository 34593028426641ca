"""A collection from elsewhere loads no model and no file that its user has not asked for."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import codomain as cd
from codomain.errors import StoreError
from codomain.store import trust
from codomain.store.trust import Untrusted, models_in

HUB = "st('somebody/model')"


@pytest.fixture(autouse=True)
def nobody_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CODOMAIN_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(trust, "_asked", set())


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is loaded from the hub, instead of loading it."""
    from codomain.encode.text.transformer import TransformerEncoder

    names: list[str] = []

    def family(self: TransformerEncoder, source: str) -> object:
        names.append(source)
        raise OSError("there is no network")

    monkeypatch.setattr(TransformerEncoder, "_family", family)
    return names


def foreign(folder: Path, pipe: str) -> Path:
    """A collection as somebody may send it: its pipeline names what they like."""
    with cd.create(folder, "fuse(hashed(64) >> flat(), bm25())") as c:
        c.add([{"id": "a", "text": "amber fox"}])
    db = sqlite3.connect(folder / "collection.db")
    db.execute("UPDATE meta SET value = ? WHERE name = 'pipeline'", [f"fuse({pipe} >> flat(), bm25())"])
    db.execute("UPDATE branches SET expression = ? WHERE expression LIKE 'hashed%'", [f"{pipe} >> flat()"])
    db.commit()
    db.close()
    return folder


@pytest.mark.needs_learn
def test_a_foreign_collection_opens_but_loads_no_model_of_the_hub(tmp_path: Path, loaded: list[str]) -> None:
    with cd.open(foreign(tmp_path / "c", HUB)) as c:
        assert c.ids() == ["a"] and len(c) == 1 and [d["text"] for d in c] == ["amber fox"]
        for use in (lambda: c.search("fox"), lambda: c.add(["a crow"]), lambda: c.compact(), lambda: c.reindex()):
            with pytest.raises(Untrusted, match=r"wants to load st\('somebody/model'\).*trust_models=True"):
                use()
    assert loaded == [] and not (tmp_path / "config").exists()


@pytest.mark.needs_learn
def test_it_loads_it_once_it_was_asked_to_and_that_is_remembered(
    tmp_path: Path, loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign(tmp_path / "c", HUB)
    for trusting in (True, False):
        with cd.open(tmp_path / "c", trust_models=trusting) as c, pytest.raises(cd.CodomainError, match="no network"):
            c.search("fox")
        monkeypatch.setattr(trust, "_asked", set())  # as in another process
    assert loaded == ["somebody/model"] * 2
    assert (tmp_path / "config" / "trusted_models").read_text() == f"{HUB}\n"
    with cd.open(foreign(tmp_path / "d", "st('somebody/other')")) as c, pytest.raises(Untrusted):
        c.search("fox")


@pytest.mark.needs_learn
def test_the_environment_may_ask_for_all(tmp_path: Path, loaded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODOMAIN_TRUST_MODELS", "1")
    with cd.open(foreign(tmp_path / "c", HUB)) as c, pytest.raises(cd.CodomainError, match="no network"):
        c.search("fox")


@pytest.mark.parametrize(
    "stage",
    ["static('/somewhere')", "vectorfile('/somewhere')", "static() >> fitted('/somewhere')", "static(path='/x')"],
)
def test_what_would_be_read_to_open_it_is_refused_before(tmp_path: Path, stage: str) -> None:
    with pytest.raises(Untrusted, match="wants to load"):
        cd.open(foreign(tmp_path / "c", stage))


def test_what_its_user_wrote_is_trusted_and_what_is_bundled_needs_no_trust(tmp_path: Path) -> None:
    table = tmp_path / "table"
    cd.vectorfiles.write(table, ["amber", "fox"], [[1.0, 0.0], [0.0, 1.0]])
    for pipe in ("static() >> flat()", "bm25()", f"vectorfile({str(table)!r}) >> flat()"):
        folder = tmp_path / pipe.split("(")[0]
        with cd.create(folder, pipe) as c:
            c.add(["amber fox"])
        with cd.open(folder) as c:
            assert len(c.search("fox")) == 1
    assert (tmp_path / "config" / "trusted_models").read_text() == f"vectorfile({str(table)!r})\n"


def test_every_stage_that_takes_a_path_or_a_name_says_so() -> None:
    """By their parameters: a new stage with one of these is either here or among those that read nothing."""
    from codomain.registry import _BUILT_IN, stage_class

    own = sorted(_BUILT_IN["stage"])  # not those that other tests have registered
    takes = {
        name
        for name in own
        for parameter in stage_class(name)._parameters()
        if parameter.name in ("path", "folder", "model", "name_or_path", "file", "url", "load")
    }
    assert {name for name in own if stage_class(name).reads} == takes


def test_models_are_found_wherever_they_stand() -> None:
    assert models_in("fuse(late(model='x') >> multivector(), sentence_transformer('y'), static())") == [
        "late('x')",
        "st('y')",
    ]
    assert models_in("minilm() >> flat()") == [] and models_in("late() >> multivector()") == []
    assert issubclass(Untrusted, StoreError)


@pytest.mark.needs_learn
@pytest.mark.parametrize("answer", [True, False])
def test_where_somebody_can_be_asked_they_are_asked_once(
    tmp_path: Path, loaded: list[str], monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(trust, "_refused", set())
    monkeypatch.setattr(trust, "_ask", lambda sentence: asked.append(sentence) or answer)
    foreign(tmp_path / "c", HUB)
    for _ in range(2):
        with (
            cd.open(tmp_path / "c") as c,
            pytest.raises(cd.CodomainError, match="no network" if answer else "wants to load"),
        ):
            c.search("fox")
    assert len(asked) == 1 and HUB in asked[0] and str(tmp_path / "c") in asked[0]
    assert loaded == ["somebody/model"] * (2 if answer else 0)
    assert (tmp_path / "config" / "trusted_models").exists() == answer


def test_what_is_known_is_not_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_ask", lambda sentence: pytest.fail(sentence))
    trust.trust(["st('somebody/model')"])
    assert trust.untrusted(f"{HUB} >> flat()") == [] and trust.untrusted("static() >> flat()") == []
