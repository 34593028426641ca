"""cli: one file per command. Bad input gives one sentence on standard error and exit code 2."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, NoReturn


class Interrupted(BaseException):
    """Ctrl-C. Not a KeyboardInterrupt, which the option parser would turn into the word "Aborted!" and exit code 1."""


def main() -> None:
    """Run the command line and exit: 0 done, 1 found nothing or found faults, 2 bad input, 130 interrupted."""
    signal.signal(signal.SIGINT, _interrupt)
    try:
        _run()
    except Interrupted:
        _complain("interrupted; what was acknowledged is kept, and the same command goes on from there.")
        sys.exit(130)


def _run() -> None:
    from codomain.cli.app import app
    from codomain.errors import CodomainError

    try:
        app()
    except CodomainError as error:
        _complain(str(error))
        sys.exit(2)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        _complain("there is not enough memory for this.")
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}.")
        sys.exit(2)


def _interrupt(_signal: int, _frame: Any) -> NoReturn:
    raise Interrupted


def _complain(sentence: str) -> None:
    print(f"codomain: {sentence}", file=sys.stderr)
