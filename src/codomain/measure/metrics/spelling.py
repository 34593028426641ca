"""How metrics are written: any case, the usual other names, parameters as ir-measures has them; what cannot be computed, and why."""

from __future__ import annotations

import re
from typing import Any

from codomain.errors import InputError, MissingExtra

_NAMES = (
    "AP", "Accuracy", "BPM", "Bpref", "Compat", "ERR", "INSQ", "INST", "IPrec", "Judged", "NERR10", "NERR11", "NERR8", "NERR9",
    "NumQ", "NumRel", "NumRelRet", "NumRet", "P", "R", "RBP", "RR", "Rprec", "SDCG", "SetAP", "SetF", "SetP", "SetR", "SetRelP",
    "Success", "infAP", "nDCG", "AP_IA", "ERR_IA", "NRBP", "P_IA", "StRecall", "alpha_DCG", "alpha_nDCG", "nERR_IA", "nNRBP",
)  # fmt: skip
_OTHER_NAMES = {"mrr": "RR", "map": "AP", "recall": "R", "precision": "P"}
_CANONICAL = {name.lower(): name for name in _NAMES} | _OTHER_NAMES

_SPELLED = re.compile(r"(?P<name>[^\W\d]\w*?)\s*(?:\((?P<parameters>[^()]*)\))?\s*(?:@(?P<cut>.*))?", re.DOTALL)
_PARAMETER = re.compile(r"\s*(\w+)\s*=\s*(\{[^{}]*\}|'[^']*'|\"[^\"]*\"|[^\s,'\"{}]+)\s*(?:,|$)")
_EXPONENTIAL = ("exp", "exp-log2")


def belongs_to_ir_measures(name: str) -> bool:
    """Whether a name, in any case, is one of theirs."""
    return name.lower() in _CANONICAL


def metric_name(text: str) -> str:
    """The one name of a metric, however it is written; as it is where ir-measures has none of that name.

    >>> [metric_name(name) for name in ("ndcg@10", "recall@100", "MRR", "MAP", "SUCCESS@1", "ndcg(gain=exp)@5")]
    ['nDCG@10', 'R@100', 'RR', 'AP', 'Success@1', "nDCG(dcg='exp-log2')@5"]
    """
    found = _SPELLED.fullmatch(text.strip())
    if found is None or found["name"].lower() not in _CANONICAL:
        return text.strip()
    name = _CANONICAL[found["name"].lower()]
    parameters = dict(_PARAMETER.findall(found["parameters"] or ""))
    if parameters.get("gain", "").strip("'\"") in _EXPONENTIAL:
        del parameters["gain"]
        parameters["dcg"] = "exp-log2"
    if "dcg" in parameters:
        parameters["dcg"] = repr(parameters["dcg"].strip("'\""))
    if _PARAMETER.sub("", found["parameters"] or "").strip():
        return text.strip()
    inside = f"({', '.join(f'{key}={value}' for key, value in sorted(parameters.items()))})" if parameters else ""
    if found["cut"] is None:
        return f"{name}{inside}"
    cut = found["cut"].strip()
    return f"{name}{inside}@{float(cut) if name == 'IPrec' and cut in ('0', '1') else cut}"  # a recall, not a rank


def cut_of(text: str) -> int | None:
    """The whole number after @; None without one; raises InputError for what is no cut."""
    name, at, cut = text.partition("@")
    if not at:
        return None
    if not re.fullmatch(r"\s*[0-9]{1,9}\s*", cut) or int(cut) < 1:
        raise InputError(f'the metric "{text}" is cut at a whole number from 1 on, such as {name.strip()}@10.')
    return int(cut)


def ir_measure(text: str) -> Any:
    """The measure of ir-measures that is meant, one that can be computed here.

    Raises InputError, with the reason, for one that is unknown, cut at no place, given other parameters than it has, or that no
    installed provider computes; MissingExtra without ir-measures.
    """
    try:
        import ir_measures
    except ImportError:
        raise MissingExtra("measuring retrieval", "measure") from None
    named = metric_name(text)
    head = re.match(r"\w*", named)
    assert head is not None
    if head.group() not in _NAMES:
        raise InputError(
            f'there is no metric "{text}": examples are nDCG@10, R@100, RR, AP, Success@1, nDCG(gain=exp)@10.'
        )
    if head.group() != "IPrec":
        cut_of(named)
    try:
        measure = ir_measures.parse_measure(named)
    except (NameError, ValueError, TypeError, SyntaxError, KeyError, AttributeError):
        raise _unread(text, ir_measures.measures.registry[head.group()]) from None
    _check_parameters(measure, text)
    return measure


def _unread(text: str, measure: Any) -> InputError:
    has = [key for key in measure.SUPPORTED_PARAMS if key not in ("cutoff", "recall")]
    cut = f"{'can' if {'cutoff', 'recall'} & {*measure.SUPPORTED_PARAMS} else 'cannot'} be cut"
    return InputError(
        f'the metric "{text}" cannot be read: {measure.NAME} has {"the parameters " if has else "no parameters"}'
        f"{', '.join(has)}, and {cut}."
    )


def _check_parameters(measure: Any, text: str) -> None:
    """Raises InputError for a parameter that is missing or out of range, and where nothing here computes the measure."""
    import ir_measures

    name = measure.NAME
    for key, about in measure.SUPPORTED_PARAMS.items():
        if about.required and key not in measure.params:
            example = f"{name}@10" if key == "cutoff" else f"{name}@0.5" if key == "recall" else f"{name}({key}=3)@10"
            raise InputError(f'the metric "{text}" needs a {"cut" if key == "cutoff" else key}, such as {example}.')
    rel = measure.params.get("rel", 1)
    if not isinstance(rel, int) or rel < 1:
        raise InputError(f'the metric "{text}" counts grades from a whole number on, such as rel=2.')
    if not 0 <= measure.params.get("recall", 0) <= 1:
        raise InputError(f'the metric "{text}" is taken at a recall between 0 and 1, such as {name}@0.5.')
    try:
        measure.validate_params()
        computed = exponential(measure) or ir_measures.DefaultPipeline.supports(measure)  # type: ignore[no-untyped-call]
    except (AssertionError, TypeError):
        raise _unread(text, measure) from None
    if not computed or name == "ERR":  # its provider is a Perl script that reads topics that are numbers only
        raise InputError(
            f'the metric "{text}" cannot be computed here: ir-measures knows it, and has no provider of it that works.'
        )


def exponential(measure: Any) -> bool:
    """Whether it is nDCG with a gain of 2^grade - 1, which is computed here: its provider elsewhere is a Perl script."""
    return bool(
        measure.NAME == "nDCG" and measure.params.get("dcg") == "exp-log2" and {*measure.params} <= {"dcg", "cutoff"}
    )
