"""cli: one file a command. Bad input gives one sentence on standard error and exit code 2.

app.py        the commands by name
benchmark.py  codomain benchmark: make and reduce benchmarks
classify.py   codomain classify: label a collection
cluster.py    codomain cluster: groups of like documents
compact.py    codomain compact: free the space of deleted documents
dedupe.py     codomain dedupe: near duplicates
demo.py       codomain demo: a collection to look at
diagnose.py   codomain diagnose: vectors and texts of a collection, measured
embed.py      codomain embed: texts to vectors, without a collection
eval.py       codomain eval: pipelines on data sets with judgments
export.py     codomain export: documents as JSON lines or Parquet
export_model.py  codomain export-model: a model for onnxruntime
feedback.py   codomain feedback: documents that were right or wrong for a query
import_.py    codomain import: what export wrote
index.py      codomain index: files into a collection
info.py       codomain info: counts, sizes, state
learn.py      codomain learn: encoders from one's own data
learn_maps.py its commands that fit transforms: align, unpaired-align, relative, low-rank-adapter, siamese
listing.py    codomain list, count and facets: documents without a query
map.py        codomain map: a collection as a page with a map
mcp.py        codomain mcp: collections as tools of language models
papers.py     codomain papers: the register of papers
reindex.py    codomain reindex: indexes over all rows
rm.py         codomain rm: delete documents
search.py     codomain search
serve.py      codomain serve: encoders and collections over HTTP
similar.py    codomain similar: documents like others
stages.py     codomain stages: what pipelines are made of
tune.py       codomain tune: the best pipeline for one's data
tune_options.py  the values of its options, as people write them
update.py     codomain update: other metadata, text or title
upgrade.py    codomain upgrade: another encoder or pipeline
vectors.py    codomain vectors: files of word vectors
backup.py     codomain backup and restore: copies of a collection
verify.py     codomain verify: every fault of a collection
plugins.py    commands of other packages
parameters.py what the options of several commands share
namespaces.py the option --namespace
opening.py    open a collection, or create it
progress.py   progress bars
terminal.py   text of documents on its way to a terminal
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from typing import Any, NoReturn

from codomain.devices.waiting import wait_briefly

_EXTRAS = {
    **dict.fromkeys(("scipy", "numba", "numkong"), "engines"),
    **dict.fromkeys(("fastapi", "uvicorn", "orjson", "prometheus_client"), "serve"),
}
"""The extra that brings a package which a command turns out to need, as a collection that was made elsewhere does."""


class Interrupted(BaseException):
    """Ctrl-C. Not a KeyboardInterrupt, which the option parser would turn into the word "Aborted!" and exit code 1."""


def main() -> None:
    """Run the command line and exit: 0 done, 1 found nothing or found faults, 2 bad input, 130 interrupted."""
    signal.signal(signal.SIGINT, _interrupt)
    wait_briefly()
    before = _spent({})
    try:
        try:
            _run()
        finally:
            _say_what_was_spent(before)
    except Interrupted:
        _complain("interrupted; what was acknowledged is kept, and the same command does the rest.")
        sys.exit(130)


def _run() -> None:
    from codomain.cli.app import app
    from codomain.errors import CodomainError, MissingExtra

    warnings.showwarning = _note
    try:
        app()
    except CodomainError as error:
        _complain(str(error))
        sys.exit(2)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        _complain(str(MissingExtra("this", extra)))
        sys.exit(2)
    except MemoryError:
        _complain("there is not enough memory for this.")
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}.")
        sys.exit(2)


def _spent(before: dict[str, Any]) -> dict[str, Any]:
    """What servers were sent in this process, by who sent it, beside what they were before; {} where none was asked."""
    usage = sys.modules.get("codomain.endpoints.usage")
    return {} if usage is None else usage.since(before)


def _say_what_was_spent(before: dict[str, Any]) -> None:
    """What servers of encoders and language models were sent, beside a query of a search."""
    for who, spent in _spent(before).items():
        if spent.texts > 1 or spent.cut:
            from codomain.cli.terminal import shown

            print(f"note: {shown(who)} was sent {spent}.", file=sys.stderr)


def _interrupt(_signal: int, _frame: Any) -> NoReturn:
    raise Interrupted


def _note(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """A warning for users as a line; the others as Python shows them."""
    from codomain.cli.terminal import shown
    from codomain.errors import CodomainWarning

    if issubclass(category, CodomainWarning):
        print(f"note: {shown(str(message))}", file=sys.stderr)
    else:
        print(warnings.formatwarning(message, category, filename, lineno), file=sys.stderr, end="")


def _complain(sentence: str) -> None:
    from codomain.cli.terminal import shown

    print(f"codomain: {shown(sentence)}", file=sys.stderr)
