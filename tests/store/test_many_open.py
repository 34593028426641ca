"""Many collections open in one process: they share what they can."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import codomain as cd


def encoder_of(c: cd.Collection) -> object:
    branch = c.first_dense
    assert branch is not None
    return branch.plan.encoder


def test_bundled_encoders_are_shared_and_those_from_files_are_not(tmp_path: Path) -> None:
    table = Path(cd.encode.StaticEncoder()._folder)
    shutil.copytree(table, tmp_path / "table")
    pipes = [
        "static() >> flat()",
        "fuse(static() >> float16() >> flat(), bm25())",
        f"static({str(tmp_path / 'table')!r})",
    ]
    for number, pipe in enumerate(pipes):
        cd.create(tmp_path / str(number), pipe).close()
    a, b, c, d = (cd.open(tmp_path / name) for name in "0122")
    assert encoder_of(a) is encoder_of(b)
    assert len({id(encoder_of(one)) for one in (a, c, d)}) == 3
    for one in (a, b, c, d):
        one.close()


def test_a_shared_encoder_gives_every_thread_its_own_vectors(tmp_path: Path) -> None:
    texts = [[f"amber fox {i} of {side}" for i in range(300)] for side in range(4)]
    expected = [cd.encode.StaticEncoder().encode_documents(some) for some in texts]
    for side in range(4):
        cd.create(tmp_path / str(side), "static() >> flat()").close()
    opened = [cd.open(tmp_path / str(side)) for side in range(4)]
    threads = [threading.Thread(target=c.add, args=(some,)) for c, some in zip(opened, texts, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for c, vectors in zip(opened, expected, strict=True):
        assert (abs(c.vectors(c.live_rows()) - vectors) < 1e-6).all()
        c.close()
