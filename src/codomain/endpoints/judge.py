"""Grades of documents for queries, 0 to 3, by a language model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from codomain.endpoints.cache import key_of
from codomain.endpoints.generator import Generator
from codomain.errors import InputError

PROMPT = """Grade how well a document answers a query.

3: the document is about the query and answers it in full
2: the document answers the query in part, or the answer has to be found in it
1: the document is about the query's topic and does not answer it
0: the document has nothing to do with the query

Query: {query}

Document: {document}

Answer with one digit, 0, 1, 2 or 3, and nothing else."""
"""The four grades of TREC's deep learning tracks, which "Large Language Models can Accurately Predict Searcher Preferences" (2023) and
later work ask language models for."""

_MOST_CHARACTERS = 12_000
"""Of a document: about 3,000 tokens."""

_GRADE = re.compile(r"(?<![\d.])([0-3])(?![\d.]*\d)")


class Judge:
    """A judge for `tune`: `judge(query, document)` is 0, 1, 2 or 3, None where the model gave no grade.

    `prompt` holds {query} and {document}. `refused` counts answers without a grade, `shortened` documents of which only the
    first 12,000 characters were shown.

    >>> Judge(Generator("llama3.2", "ollama", cache=False)).refused
    0

    Raises InputError for a prompt without a place for both.
    """

    def __init__(self, generator: Generator, prompt: str = PROMPT) -> None:
        if "{query}" not in prompt or "{document}" not in prompt:
            raise InputError("the prompt of a judge has a place for {query} and one for {document}.")
        self.generator = generator
        self.prompt = prompt
        self.refused = 0
        self.shortened = 0

    @property
    def identity(self) -> str:
        """What decides a grade: model, settings and prompt."""
        return f"{self.generator.identity} {key_of(self.generator.system + self.prompt).hex()}"

    def __call__(self, query: str, document: str) -> int | None:
        """The grade of one pair."""
        return self.grades([(query, document)])[0]

    def grades(self, pairs: Sequence[tuple[str, str]]) -> list[int | None]:
        """The grades of pairs, several asked for at a time; raises EndpointError for a server that fails."""
        prompts = []
        for query, document in pairs:
            self.shortened += len(document) > _MOST_CHARACTERS
            prompts.append(self._written(query, document[:_MOST_CHARACTERS]))
        found = [None if answer.refusal else grade_in(answer.text) for answer in self.generator.answers(prompts)]
        self.refused += sum(grade is None for grade in found)
        return found

    def _written(self, query: str, document: str) -> str:
        """The prompt, in one pass: what a document says in braces stays as it is."""
        parts = {"{query}": query, "{document}": document}
        return re.sub(r"\{query\}|\{document\}", lambda found: parts[found[0]], self.prompt)


def grade_in(answer: str) -> int | None:
    """The one grade that an answer names; None where it names none, or several.

    >>> grade_in("2"), grade_in("Grade: 3."), grade_in("between 1 and 2"), grade_in("I cannot help with that."), grade_in("10")
    (2, 3, None, None, None)
    """
    found = {int(digit) for digit in _GRADE.findall(answer)}
    return found.pop() if len(found) == 1 else None
