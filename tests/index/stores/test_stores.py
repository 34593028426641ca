"""Full vectors read from a file are those in memory, whatever is asked in whatever order."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain.arrays import Ragged
from codomain.errors import InputError
from codomain.index.array_files import save_arrays
from codomain.index.stores.disk import DiskStore
from codomain.index.stores.stores import RamStore, RecomputeStore, widened
from codomain.trace import collect

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(0, 40, 300) * (RNG.random(300) < 0.9)
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Dense and ragged values of both types, as an index saves them."""
    folder = tmp_path_factory.mktemp("stores")
    values = RNG.standard_normal((OFFSETS[-1], 96)).astype(np.float32)
    save_arrays(folder, "test", {"float32": values, "float16": values.astype(np.float16)}, {})
    return folder


def pair(folder, dtype, ragged):
    values = np.load(folder / f"{dtype}.npy")
    if ragged:
        return DiskStore(folder / f"{dtype}.npy", OFFSETS), RamStore(Ragged(values, OFFSETS))
    return DiskStore(folder / f"{dtype}.npy"), RamStore(values)


def same(disk, ram):
    if isinstance(ram, Ragged):
        assert np.array_equal(disk.offsets, ram.offsets)
        disk, ram = disk.values, ram.values
    assert disk.dtype == np.float32 and np.array_equal(disk, ram)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_any_rows_in_any_order_with_any_prefetch_are_those_in_memory(folder, dtype, ragged):
    disk, ram = pair(folder, dtype, ragged)
    assert len(disk) == len(ram)
    rows = st.lists(st.integers(0, len(ram) - 1), max_size=60).map(lambda r: np.array(r, np.int64))

    @settings(max_examples=60)
    @given(rows, st.one_of(st.none(), rows))
    def check(wanted, guessed):
        if guessed is not None:
            disk.prefetch(guessed)
        same(disk.fetch(wanted), ram.fetch(wanted))

    with disk:
        check()
        same(disk.fetch(np.arange(len(ram))), ram.fetch(np.arange(len(ram))))


def test_neighbors_are_one_read_and_only_what_lies_between_is_wasted(folder, monkeypatch):
    disk, _ = pair(folder, "float32", ragged=False)
    reads = []
    preadv = os.preadv
    monkeypatch.setattr(os, "preadv", lambda *a: reads.append(preadv(*a)) or reads[-1])
    with collect() as report:
        disk.fetch(np.array([9, 5, 2000]))  # 384 bytes a row: rows 5 to 9 are near, 2000 is 700 KB away
    assert sorted(reads) == [384, 5 * 384]
    assert report.bytes_read == 6 * 384 and report.fetched == 3


def test_rows_that_were_begun_early_are_hits_and_are_read_once(folder):
    disk, ram = pair(folder, "float16", ragged=True)
    rows = np.flatnonzero(LENGTHS)
    with collect() as report:
        disk.prefetch(rows[:80])
        found = disk.fetch(rows[60:100])
    same(found, ram.fetch(rows[60:100]))
    assert (disk.hits, disk.misses) == (20, 20)
    assert report.fetched == 40
    assert report.bytes_read >= LENGTHS[rows[:100]].sum() * 96 * 2
    disk.fetch(rows[60:80])  # what a fetch took is gone
    assert disk.misses == 40


def test_prefetch_does_not_wait_for_the_disk(folder):
    """Events, no clock: `prefetch` returns while no read can have ended, and `fetch` begins none of its own."""
    may_read, reads = threading.Event(), []

    class Waiting(DiskStore):
        def _read(self, read):
            assert may_read.wait(600)
            reads.append(read)
            super()._read(read)

    disk = Waiting(folder / "float32.npy")
    far = np.arange(4) * 1000
    disk.prefetch(far)
    assert reads == []
    may_read.set()
    disk.fetch(far)
    assert len(reads) == 4


def test_threads_do_not_disturb_each_other(folder):
    disk, ram = pair(folder, "float16", ragged=True)

    def ask(seed):
        rng = np.random.default_rng(seed)
        for _ in range(20):
            disk.prefetch(rng.integers(300, size=20))
            rows = rng.integers(300, size=20)
            same(disk.fetch(rows), ram.fetch(rows))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(8)))
    assert disk.hits + disk.misses == 8 * 20 * 20


def test_reads_that_stop_half_way_are_continued(folder, monkeypatch):
    disk, ram = pair(folder, "float16", ragged=True)
    preadv = os.preadv

    def stutter(file, buffers, position):
        return preadv(file, [buffers[0][: max(1, len(buffers[0]) // 2)]], position)

    monkeypatch.setattr(os, "preadv", stutter)
    same(disk.fetch(np.arange(50)), ram.fetch(np.arange(50)))


def test_files_that_cannot_be_used_are_refused_in_one_sentence(folder, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        DiskStore(tmp_path / "none.npy")
    (tmp_path / "text.npy").write_text("not an array")
    with pytest.raises(InputError, match=r"no \.npy file"):
        DiskStore(tmp_path / "text.npy")
    np.save(tmp_path / "whole.npy", np.zeros((3, 2), np.int64))
    with pytest.raises(InputError, match="not int64"):
        DiskStore(tmp_path / "whole.npy")
    with pytest.raises(InputError, match="end elsewhere"):
        DiskStore(folder / "float32.npy", OFFSETS[:-1])
    content = (folder / "float32.npy").read_bytes()
    (tmp_path / "short.npy").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="ends before"):
        DiskStore(tmp_path / "short.npy")
    (tmp_path / "shrinks.npy").write_bytes(content)
    shrinking = DiskStore(tmp_path / "shrinks.npy")
    os.truncate(tmp_path / "shrinks.npy", 1000)
    with pytest.raises(InputError, match="ends before"):
        shrinking.fetch(np.array([100]))
    with pytest.raises(IndexError):
        DiskStore(folder / "float32.npy").fetch(np.array([-1]))


def test_a_closed_store_leaves_no_descriptor_and_no_thread(folder):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with DiskStore(folder / "float32.npy") as disk:
            disk.prefetch(np.array([1, 2]))
        assert len(os.listdir("/proc/self/fd")) == before
    DiskStore(folder / "float32.npy").fetch(np.array([1]))
    assert len(os.listdir("/proc/self/fd")) == before


def test_memory_holds_the_bytes_of_the_values_and_of_the_offsets():
    values = np.zeros((6, 4), np.float16)
    assert RamStore(values).nbytes == 48
    assert RamStore(Ragged(values, np.array([0, 2, 6]))).nbytes == 48 + 24


def test_every_finite_half_is_widened_exactly():
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(-1, 1984 // 62)
    assert np.array_equal(widened(halves), halves.astype(np.float32))


class Source:
    """Texts whose vectors are their row, as many times as the row says."""

    def __init__(self):
        self.encoded = []

    def encode(self, rows):
        self.encoded += rows.tolist()
        return Ragged(np.repeat(rows, rows)[:, None].astype(np.float32), np.concatenate([[0], np.cumsum(rows)]))


def test_vectors_that_are_made_anew_are_remembered_up_to_a_number():
    source = Source()
    store = RecomputeStore(source, rows=10, cache=3)
    for rows in ([4, 0, 4, 2], [2, 0], [], [5, 6, 7, 2]):
        values, offsets = store.fetch(np.array(rows, np.int64))
        assert values.ravel().tolist() == np.repeat(rows, rows).tolist()
        assert np.diff(offsets).tolist() == rows
    assert source.encoded == [4, 0, 2, 5, 6, 7]
    assert store.nbytes <= 4 * (6 + 7 + 2)
