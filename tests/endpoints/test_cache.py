"""Answers on disk: kept through kill -9, torn writes, two processes and a full disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from codomain.endpoints import cache as module
from codomain.endpoints.cache import Cache, key_of


def filled(*numbers: int) -> dict[bytes, bytes]:
    return {key_of(str(n)): f"answer {n}".encode() * 10 for n in numbers}


def test_what_was_put_is_there_for_the_next_one() -> None:
    Cache("server", "m").put(filled(1, 2))
    assert Cache("server", "m").get([*filled(1, 2, 3)]) == filled(1, 2)
    assert Cache("server", "other").get([*filled(1)]) == {}


def test_two_that_are_open_see_what_the_other_puts() -> None:
    one, other = Cache("s"), Cache("s")
    one.put(filled(1))
    assert other.get([*filled(1)]) == filled(1)
    other.put(filled(2))
    assert one.get([*filled(1, 2)]) == filled(1, 2)


def test_a_folder_that_was_cleared_meanwhile_is_filled_again(tmp_path: Path) -> None:
    cache = Cache("a model", folder=tmp_path / "kept")
    cache.put({key_of(text): text.encode() for text in ("one", "two")})
    assert len(cache.get([key_of("one"), key_of("two")])) == 2
    shutil.rmtree(tmp_path / "kept")
    cache.put({key_of("three"): b"three"})
    assert cache.get([key_of("one"), key_of("three")]) == {key_of("three"): b"three"}


def test_a_torn_entry_costs_itself_only() -> None:
    """At every byte at which a process may be killed in its write of the keys."""
    Cache("s").put(filled(1))
    folder = Cache("s").folder
    whole = (folder / "keys").read_bytes()
    Cache("s").put(filled(2))
    entry = (folder / "keys").read_bytes()[len(whole) :]
    for kept in range(len(entry)):
        (folder / "keys").write_bytes(whole + entry[:kept])
        assert Cache("s").get([*filled(1, 2)]) == filled(1)
        Cache("s").put(filled(3))
        assert Cache("s").get([*filled(1, 2, 3)]) == filled(1, 3)


def test_damage_is_asked_for_again_and_never_returned() -> None:
    Cache("s").put(filled(1, 2))
    folder = Cache("s").folder
    for name in ("data", "keys"):
        good = (folder / name).read_bytes()
        for place in range(0, len(good), 7):
            bad = bytearray(good)
            bad[place] ^= 0x40
            (folder / name).write_bytes(bytes(bad))
            found = Cache("s").get([*filled(1, 2)])
            whole = 2 if place < len(good) // 2 else 1
            assert found == filled(whole), place
        (folder / name).write_bytes(good)
    (folder / "data").write_bytes(b"")
    assert Cache("s").get([*filled(1, 2)]) == {}
    (folder / "data").unlink()
    assert Cache("s").get([*filled(1, 2)]) == {}


def test_a_full_disk_is_said_once_and_answers_stay_in_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = Cache("server", "m")
    found.put(filled(1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Cache, "_append", full)
    found.put(filled(2))
    found.put(filled(3))
    assert found.get([*filled(1, 2, 3)]) == filled(1, 2, 3)
    assert [r.message.count("No space left on device") for r in caplog.records] == [1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_that_is_full_for_real(caplog: pytest.LogCaptureFixture) -> None:
    found = Cache("s")
    found._make_folder()
    (found.folder / "data").symlink_to("/dev/full")
    found.put(filled(1))
    assert found.get([*filled(1)]) == filled(1) and "No space left" in caplog.text
    assert Cache("s").get([*filled(1)]) == {}


def test_a_folder_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "file"))
    found = Cache("s")
    found.put(filled(1))
    found.learn(batch=7)
    assert found.get([*filled(1)]) == filled(1) and found.facts == {}


def test_facts() -> None:
    found = Cache("s", "m")
    found.learn(dim=8)
    found.learn(batch=64)
    assert found.facts == {"space": ["s", "m"], "dim": 8, "batch": 64}
    (found.folder / "facts.json").write_text("{")
    assert Cache("s", "m").facts == {}


WORKER = """
import sys
from codomain.endpoints.cache import Cache, key_of
cache = Cache("s")
for n in range(int(sys.argv[1]), 10**9, 2):
    cache.put({key_of(str(n)): f"answer {n}".encode() * 10})
    print(n, flush=True)
"""


def test_two_processes_at_once_one_of_them_killed_lose_nothing_that_was_acknowledged() -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(first)], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
        )
        for first in (0, 1)
    ]
    said: list[list[int]] = [[], []]

    def listen(place: int) -> None:
        for line in workers[place].stdout:  # type: ignore[union-attr]
            if line.endswith("\n"):
                said[place].append(int(line))

    threads = [threading.Thread(target=listen, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    while min(map(len, said)) < 100 and all(worker.poll() is None for worker in workers):
        time.sleep(0.01)
    for worker in workers:
        worker.kill()
        worker.wait()
    for thread in threads:
        thread.join()
    numbers = said[0] + said[1]
    assert len(numbers) >= 200
    expected = filled(*numbers)
    assert Cache("s").get([*expected]) == expected


def test_entries_are_as_long_as_they_are_documented() -> None:
    assert module._ENTRY.itemsize == 36
