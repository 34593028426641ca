"""Progress bars on standard error, with a rate and the remaining time; silent where standard error is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from codomain.progress import Progress


@contextmanager
def bars(quiet: bool = False, bytes: bool | Collection[str] = False, keep: bool = False) -> Iterator[Progress]:
    """A bar for each step that is reported, of items or of bytes, all or those named; `keep` leaves them on the screen."""
    if quiet or not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich import progress as rich
    from rich.console import Console
    from rich.text import Text

    class Amount(rich.ProgressColumn):
        """How much is done, of how much, and how fast."""

        def render(self, task: rich.Task) -> Text:
            if bytes is True or (bytes and task.description in bytes):
                columns = (rich.DownloadColumn(), rich.TransferSpeedColumn())
                return Text(" ").join([column.render(task) for column in columns])
            known = f"/{task.total:,.0f}" if task.total else ""
            speed = task.finished_speed or task.speed
            return Text(f"{task.completed:,.0f}{known}" + (f" {speed:,.0f}/s" if speed else ""))

    columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), Amount(), rich.TimeRemainingColumn())
    with rich.Progress(*columns, console=Console(stderr=True), transient=not keep) as shown:
        tasks: dict[str, rich.TaskID] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = shown.add_task(step, total=total or None)
            shown.update(tasks[step], completed=done, total=total or None)

        yield report
