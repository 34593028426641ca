"""Graded edits of named findings: the four axes along which clinical notes are perturbed, each applied so many times.

"Embeddings to Diagnosis: Latent Fragility under Agentic Perturbations in Clinical LLMs" (2025) lets a language model mask and negate
findings, replace them by synonyms and vary numbers; here rules do it, for any list of terms.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np

from codomain.errors import InputError
from codomain.measure.probes.perturbations import Edit, Perturbation, matches_changed

_MEASURED = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w])")
_STEP = 0.2
"""The share by which one step of strength changes a number."""


def mask_findings(findings: Collection[str], mark: str = "___") -> Edit:
    """An edit that puts `mark` in place of `strength` of the findings in a text, as de-identified notes do.

    >>> mask_findings(["fever", "chest pain"])("Chest pain and cough.", np.random.default_rng(0), 1)
    '___ and cough.'

    Raises InputError without findings.
    """
    pattern = _any_of(findings)
    return lambda text, rng, strength: matches_changed(pattern, text, rng, strength, lambda found: mark)


def negate_findings(findings: Collection[str]) -> Edit:
    """An edit that puts "no" before `strength` of the findings in a text, or takes a "no", "without" or "denies" from them.

    >>> negate = negate_findings(["fever", "chest pain"])
    >>> negate("a fever since May", np.random.default_rng(0), 1), negate("no fever", np.random.default_rng(0), 1)
    ('no fever since May', 'fever')

    Raises InputError without findings.
    """
    terms = _any_of(findings).pattern
    pattern = re.compile(rf"(?:\b(no|not|without|denies|a|an)\s+)?{terms}", re.IGNORECASE)

    def turned(found: str) -> str:
        match = pattern.fullmatch(found)
        assert match is not None
        before, finding = (match[1] or "").lower(), found[match.start(2) :]
        return finding if before in ("no", "not", "without", "denies") else f"no {finding}"

    return lambda text, rng, strength: matches_changed(pattern, text, rng, strength, turned)


def replace_findings(synonyms: Mapping[str, str]) -> Edit:
    """An edit that puts the synonym in place of `strength` of the findings in a text; findings in lower case, of several words too.

    >>> replace_findings({"heart attack": "myocardial infarction"})("A heart attack.", np.random.default_rng(0), 1)
    'A myocardial infarction.'

    Raises InputError without synonyms.
    """
    pattern = _any_of(synonyms)
    return lambda text, rng, strength: matches_changed(
        pattern, text, rng, strength, lambda found: synonyms[" ".join(found.lower().split())]
    )


def vary_numbers(text: str, rng: np.random.Generator, strength: int = 1) -> str:
    """Every number raised or lowered by a fifth for each step of strength, by 1 in its last digit at least; decimals kept.

    >>> vary_numbers("38.5 degrees on 2 days", np.random.default_rng(0), 1)
    '46.2 degrees on 3 days'
    """

    def varied(digits: str) -> str:
        decimals = len(digits.partition(".")[2])
        unit, value = 10.0**-decimals, float(digits)
        change = max(_STEP * strength * value, unit * strength)
        up = value < change or bool(rng.integers(2))
        return f"{value + change if up else value - change:.{decimals}f}"

    return _MEASURED.sub(lambda match: varied(match.group()), text)


def clinical_axes(findings: Collection[str], synonyms: Mapping[str, str]) -> tuple[Perturbation, ...]:
    """The paper's four axes for `flip_rate`; strengths 1, 2, 4 make them graded.

    >>> [axis.name for axis in clinical_axes(["fever"], {"fever": "pyrexia"})]
    ['mask', 'negate', 'synonym', 'number']

    Raises InputError without findings or synonyms.
    """
    return (
        Perturbation("mask", mask_findings(findings), "changed"),
        Perturbation("negate", negate_findings(findings), "changed"),
        Perturbation("synonym", replace_findings(synonyms), "kept"),
        Perturbation("number", vary_numbers, "changed"),
    )


def _any_of(terms: Collection[str]) -> re.Pattern[str]:
    """One group that matches any of the terms as whole words, the longest first, with any space between their words."""
    known = [term.split() for term in ([terms] if isinstance(terms, str) else terms) if term.strip()]
    if not known:
        raise InputError("perturbations of findings need the findings: a list of terms that texts may contain.")
    spelled = sorted({r"\s+".join(map(re.escape, words)) for words in known}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)({'|'.join(spelled)})(?!\w)", re.IGNORECASE)
