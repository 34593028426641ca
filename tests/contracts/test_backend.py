"""What a backend promises of its life and of transactions (`codomain.store.backend`), for every one that is registered."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.backends import backend, corrected, fill, filled, folder, numbers

from codomain.errors import StoreError
from codomain.store.backend import Backend, protocol
from codomain.store.backend.choose import BACKENDS, create_database, exists, open_backend

__all__ = ["backend", "corrected", "filled", "folder"]  # fixtures


def other(backend: Backend, work: Callable[[Backend], Any]) -> Any:
    """What another connection, in another thread, comes to."""
    found: list[Any] = []

    def run() -> None:
        second = open_backend(backend.folder)
        try:
            found.append(work(second))
        except StoreError as error:
            found.append(error)
        finally:
            second.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


# --- the contract itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_has_every_method_with_the_parameters_of_the_contract(name: str, tmp_path: Path) -> None:
    create_database(tmp_path / "c", fill, name)
    backend = open_backend(tmp_path / "c")
    topics = {
        topic: prop for topic, prop in vars(Backend).items() if isinstance(prop, property) and topic != "database"
    }
    for topic, prop in topics.items():
        group = getattr(protocol, str(prop.fget.__annotations__["return"]))
        for method, promised in inspect.getmembers(group, inspect.isfunction):
            if not method.startswith("_"):
                kept = inspect.signature(getattr(type(getattr(backend, topic)), method)).parameters
                wanted = inspect.signature(promised).parameters
                assert [(p.name, p.default) for p in kept.values()] == [(p.name, p.default) for p in wanted.values()]
    assert len(topics) == 16
    backend.close()


def test_every_method_of_the_contract_is_said_in_a_sentence() -> None:
    protocols = [value for value in vars(protocol).values() if getattr(value, "_is_protocol", False)]
    assert len(protocols) > 13
    for group in protocols:
        for method, promised in inspect.getmembers(group, inspect.isfunction):
            assert method.startswith("_") or (inspect.getdoc(promised) or "").endswith("."), (group, method)


# --- the life of a database -------------------------------------------------------------------------------------------


def test_a_folder_has_a_database_once_it_is_made_and_only_once(folder: Path, tmp_path: Path) -> None:
    assert exists(folder) and not exists(tmp_path)
    with pytest.raises(StoreError, match="there is a collection at"):
        create_database(folder, fill)
    with pytest.raises(StoreError, match="there is no collection at"):
        open_backend(tmp_path)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_database_that_cannot_be_filled_does_not_appear(tmp_path: Path, name: str) -> None:
    def broken(backend: Backend) -> None:
        raise KeyError("nothing to fill it with")

    with pytest.raises(KeyError):
        create_database(tmp_path / "c", broken, name)
    assert not exists(tmp_path / "c")
    create_database(tmp_path / "c", fill, name)
    assert exists(tmp_path / "c")


def test_after_close_the_database_says_so(backend: Backend) -> None:
    backend.close()
    backend.close()
    with pytest.raises(StoreError, match="is closed"), backend.reading():
        pass
    with pytest.raises(StoreError, match="is closed"), backend.sentences():
        backend.documents.count()


# --- transactions -----------------------------------------------------------------------------------------------------


def test_a_transaction_that_fails_has_written_nothing(filled: Backend) -> None:
    with pytest.raises(ZeroDivisionError), filled.writing():
        filled.meta.set("colour", "red")
        filled.documents.delete([*numbers(filled).values()])
        raise ZeroDivisionError
    assert filled.meta.get("colour") is None and filled.documents.count() == 3


def test_what_was_written_is_there_for_whoever_opens_it_later(filled: Backend) -> None:
    folder = filled.folder
    filled.close()
    again = open_backend(folder)
    assert again.documents.count() == 3 and again.rows.next() == 6
    again.close()


def test_a_reader_sees_one_state_whatever_others_write(filled: Backend) -> None:
    with filled.reading():
        before = filled.changes()
        assert other(filled, lambda b: _write(b, lambda: b.meta.set("colour", "red"))) is None
        assert filled.meta.get("colour") is None and filled.changes() == before
        with filled.reading():  # inside another one it is that one's state
            assert filled.meta.get("colour") is None
        assert filled.meta.get("colour") is None
    with filled.reading():
        assert filled.meta.get("colour") == "red" and filled.changes() != before


def _write(backend: Backend, work: Callable[[], None]) -> None:
    with backend.writing():
        work()


def test_one_writes_at_a_time_and_readers_see_what_was_there(filled: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codomain.store.sqlite.connection.BUSY_SECONDS", 0.05)
    with filled.writing():
        filled.meta.set("colour", "red")
        assert other(filled, lambda b: b.meta.get("colour")) is None
        refused = other(filled, lambda b: _write(b, lambda: b.meta.set("colour", "blue")))
        assert isinstance(refused, StoreError) and "is being written by another process" in str(refused)
    assert other(filled, lambda b: b.meta.get("colour")) == "red"
