"""What can go wrong through no fault of the program: each error is one sentence that says what, where and what to do.

CodomainError
    PipelineError    an expression, or stages that do not fit
    InputError       a file, record, vector or argument
        EndpointError    a server that refuses (codomain.endpoints.errors): TooLarge, Refused, Unreachable
    RegistryError    a name that is taken
    WhereError       a filter
    StoreError       a collection
    MissingExtra     packages that are not installed

CodomainWarning
    CutWarning       a text longer than what its encoder reads (codomain.encode.text.window)
    QueryWarning     a query that cannot find anything (codomain.store.filters.words)

What a user should know though nothing failed is a message of the logger "codomain", printed unless it is told otherwise:

    logging.getLogger("codomain").setLevel(logging.ERROR)      # to hear nothing of it
"""

from __future__ import annotations

import re


class CodomainWarning(UserWarning):
    """Base of what a user ought to know though nothing failed; the command line prints it as a note."""


class CodomainError(Exception):
    """Base of every error that a user can mend; the command line prints its sentence and exits with code 2.

    What a sentence quotes of files and arguments cannot break its line: control characters and halves of surrogate pairs
    are shown as signs.

    >>> str(CodomainError("cannot read 'red\\n\\x1b[31m fox'."))
    "cannot read 'red\u240a\u241b[31m fox'."
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


def one_line(sentence: str) -> str:
    """A sentence whose control characters and halves of surrogate pairs, all of them quoted, are shown as signs.

    >>> one_line("has the id 'a\\x04' again")
    "has the id 'a\u2404' again"
    """
    return sentence if sentence.isprintable() else _UNPRINTED.sub(_sign, sentence)


_UNPRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


class PipelineError(CodomainError):
    """A pipeline expression that cannot be read, names an unknown stage or joins stages that do not fit."""


class InputError(CodomainError):
    """A file, record, vector or argument that cannot be used as it is."""


class RegistryError(CodomainError):
    """A name that is registered already, for something else."""


class WhereError(CodomainError):
    """A filter that cannot be read or does not fit the metadata."""


class StoreError(CodomainError):
    """A collection that is missing, locked, read-only, damaged or made with another encoder."""


class MissingExtra(CodomainError):
    """A stage needs packages that are not installed. codomain is, so that pip adds the packages of the extra alone.

    >>> str(MissingExtra("minilm()", "learn"))
    "minilm() needs packages that are not installed: run pip install 'codomain[learn]'."
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed: run pip install 'codomain[{extra}]'.")


def notice(sentence: str) -> None:
    """Say a sentence at the level WARNING; the command line prints it to standard error."""
    import logging  # which a start need not wait for

    logging.getLogger("codomain").warning(sentence)


def detail(sentence: str) -> None:
    """Say what is done, at the level INFO, which is not printed unless asked for."""
    import logging

    logging.getLogger("codomain").info(sentence)
