"""codomain upgrade: another encoder, other transforms or another index, while the collection answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from codomain.cli.parameters import PATH
from codomain.cli.terminal import json_line

if TYPE_CHECKING:
    from codomain.store.upgrade.state import Mode

if TYPE_CHECKING:
    from codomain.store import Collection


@click.command()
@click.argument("name", type=PATH, metavar="NAME", help="The collection.")
@click.option("--to", help="An encoder (minilm), transforms (pca(192) >> float8()) or a whole pipeline.")
@click.option(
    "--mode", default="bridge", help="bridge: ask the old vectors with the new encoder; reembed: embed all rows first."
)
@click.option("--sample", default=2000, help="Rows to fit and measure the bridge on.")
@click.option(
    "--floor",
    type=float,
    help="Share of the old nDCG@10 that the bridge must reach with its interval, else nothing is changed: 0.9, with --offline 0.5.",
)
@click.option(
    "--offline",
    help="An encoder of this machine (static) that answers while the server of the collection's own is away.",
)
@click.option("--continue", "go_on", is_flag=True, help="Embed what is left, then answer with it alone.")
@click.option("--background", is_flag=True, help="Embed what is left in a process of its own, and return at once.")
@click.option("--rollback", is_flag=True, help="Go back to the pipeline before the upgrade.")
@click.option("--drop-old", is_flag=True, help="Forget the vectors of the pipeline before.")
@click.option(
    "--rechunk",
    "again",
    is_flag=True,
    help="Cut documents again whose chunks are longer than what the encoders read, new and old.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def upgrade(
    name: Path,
    to: str | None,
    mode: str,
    sample: int,
    floor: float | None,
    offline: str | None,
    go_on: bool,
    background: bool,
    rollback: bool,
    drop_old: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Move a collection to another encoder or pipeline without a pause; with NAME alone, report its progress."""
    import codomain as cd
    from codomain.cli.progress import bars
    from codomain.errors import InputError
    from codomain.store.upgrade.begin import BelowFloor

    if (to is not None) + (offline is not None) + go_on + rollback + drop_old > 1 or (
        background and (rollback or drop_old or offline is not None)
    ):
        raise InputError(
            "give one of --to, --offline, --continue, --rollback and --drop-old; --background goes with --to and --continue."
        )
    with cd.open(name) as collection:
        if to is not None:
            try:
                with bars(as_json) as progress:
                    collection.upgrade(
                        to, cast("Mode", mode), sample, 0.9 if floor is None else floor, progress, rechunk=again
                    )
            except BelowFloor as refused:
                for report in refused.reports:
                    _print_bridge(report)
                raise
        elif offline is not None:
            try:
                with bars(as_json) as progress:
                    reports = collection.prepare_offline(offline, sample, 0.5 if floor is None else floor, progress)
            except BelowFloor as refused:
                for report in refused.reports:
                    _print_bridge(report)
                raise
            if as_json:
                click.echo(json_line({"pipeline": str(collection.pipeline), "offline": reports}))
            else:
                for report in reports:
                    _print_bridge(report)
            return
        elif again and not (go_on or rollback or drop_old):
            with bars(as_json) as progress:
                done = collection.rechunk(progress)
            collection.reindex()
            if not as_json:
                click.echo(f"{name}: {done:,} documents cut again.")
        if background:
            _in_a_process_of_its_own(name)
        elif go_on or (to is not None and mode == "reembed"):
            _embed(collection, as_json)
        elif rollback:
            collection.rollback()
        elif drop_old:
            collection.drop_old()
        facts = collection.info()
    _show(name, facts, told=to is not None and mode == "bridge", background=background, as_json=as_json)


def _embed(collection: Collection, quiet: bool) -> None:
    from codomain.cli.progress import bars

    with bars(quiet) as progress:
        collection.continue_upgrade(progress)


def _in_a_process_of_its_own(name: Path) -> None:
    """Go on without the terminal; what it has to say lands beside the collection's indexes."""
    import subprocess
    import sys

    log = name / "upgrade.log"
    command = [sys.executable, "-c", "from codomain.cli import main; main()", "upgrade", str(name), "--continue"]
    with log.open("wb") as file:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)


def _show(name: Path, facts: dict[str, Any], told: bool, background: bool, as_json: bool) -> None:

    state = facts["upgrade"]
    if as_json:
        click.echo(json_line({"pipeline": facts["pipeline"], "upgrade": state}))
        return
    if state is None:
        click.echo(f"{name}: {facts['pipeline']}; no upgrade is under way.")
        return
    for report in state["bridges"] if told else ():
        _print_bridge(report)
    if state["done"]:
        click.echo(f"{name}: {facts['pipeline']}. The vectors of {state['from']} are kept: --drop-old or --rollback.")
        return
    asked = state["to"] if state["mode"] == "bridge" else state["from"]
    share = f"{state['rows_embedded']:,} of {state['rows']:,} rows embedded for {state['to']}"
    then = f"see {name / 'upgrade.log'}" if background else "--continue embeds the rest, --rollback goes back"
    click.echo(f"{name}: {share}; queries go to {asked}; {then}.")


def _print_bridge(report: dict[str, Any]) -> None:
    how = f"{report['method']} on {report['pairs']}" if report["method"] else "the same encoder"
    click.echo(f"bridge     {report['from']} -> {report['branch']}: {how}")
    click.echo(f"measured   {report['queries']} held-out queries of a sample of {report['sample']:,} rows, nDCG@10:")
    interval = f"{report['ratio_low']:.2f} to {report['ratio_high']:.2f}"
    click.echo(
        f"  old space {report['old_ndcg@10']:.3f}   through the bridge {report['ndcg@10']:.3f}   "
        f"all re-encoded {report['new_ndcg@10']:.3f}"
    )
    click.echo(
        f"  the bridge keeps {report['ratio_to_old']:.2f} ({interval}) of the old, {report['ratio_to_new']:.2f} of the new; "
        f"of their ten nearest {report['recall_of_old@10']:.2f} and {report['recall_of_new@10']:.2f}"
    )
