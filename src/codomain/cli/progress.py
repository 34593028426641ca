"""Progress bars on standard error, with a rate and the remaining time; silent where standard error is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from codomain.progress import Progress


@contextmanager
def bars(quiet: bool = False, bytes: bool = False, keep: bool = False) -> Iterator[Progress]:
    """A bar for each step that is reported, of items or of bytes; `keep` leaves them on the screen."""
    if quiet or not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich import progress as rich
    from rich.console import Console

    amount: tuple[rich.ProgressColumn, ...] = (rich.MofNCompleteColumn(), rich.TextColumn("{task.speed:,.0f}/s"))
    if bytes:
        amount = (rich.DownloadColumn(), rich.TransferSpeedColumn())
    columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), *amount, rich.TimeRemainingColumn())
    with rich.Progress(*columns, console=Console(stderr=True), transient=not keep) as shown:
        tasks: dict[str, rich.TaskID] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = shown.add_task(step, total=total or None)
            shown.update(tasks[step], completed=done, total=total or None)

        yield report
