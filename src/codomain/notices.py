"""What a user should know though nothing failed: messages of the logger "codomain", which prints them unless it is told otherwise.

logging.getLogger("codomain").setLevel(logging.ERROR)      # to hear nothing of it
"""

from __future__ import annotations


def notice(sentence: str) -> None:
    """Say a sentence at the level WARNING; the command line prints it to standard error."""
    import logging  # which a start need not wait for

    logging.getLogger("codomain").warning(sentence)


def detail(sentence: str) -> None:
    """Say what is done, at the level INFO, which is not printed unless asked for."""
    import logging

    logging.getLogger("codomain").info(sentence)
