"""The encoder on these texts: does an edit flip what is nearest, and how much of a token's vector is its position?"""

from __future__ import annotations

from typing import Any

from codomain.diagnosis.report import Section
from codomain.diagnosis.subject import Subject
from codomain.diagnosis.words import written
from codomain.errors import InputError
from codomain.measure.probes.position import decompose, hidden_states
from codomain.measure.probes.robustness import flip_rate

_EDITED = {False: 300, True: 100}
"""Texts edited in seven ways, fewer where a transformer has to encode them all."""
_READ = 128
"""Texts whose hidden states are looked at."""
_POOL = 2_000
_LENGTHS = (64, 32, 16)
"""Tokens of each; the longest that enough texts have."""
_ENOUGH = 16


def flips(subject: Subject) -> Section:
    """The nearest other passage before and after small edits, among a sample encoded again."""
    subject.check_reads_texts()
    texts = subject.texts(_EDITED[subject.encoder.network is not None])
    if len(texts) < 20:
        raise InputError(f"it needs 20 different passages, and there are {len(texts)}.")
    found = Section(f"Flips under small edits: the nearest of {len(texts):,} passages is another one afterwards")
    by_name = {}
    for flip in flip_rate(subject.encoder, texts, seed=subject.seed):
        if not flip.changed:
            continue
        should = "should be 0" if flip.meaning == "kept" else "should not be 0"
        note = f"{should}; cosine {written(flip.cosine)}, {written(flip.overlap)} of the ten nearest stay; {flip.changed} texts"
        key = f"flip_{flip.perturbation}"
        found.add(
            key,
            f"{flip.perturbation} ({_SAID[flip.perturbation]})",
            flip.rate,
            note,
            share=True,
            low=flip.low,
            high=flip.high,
        )
        by_name[flip.perturbation] = flip
    fragile = [name for name in ("typo", "case", "whitespace") if name in by_name and by_name[name].low > 0.1]
    for name in fragile:
        found.advise(
            f"{subject.expression} is fragile: {_SAID[name]} changes the nearest passage of {found.figure(f'flip_{name}')} of "
            "the texts. Whether fusing it with bm25() or char_ngrams() mends that, judged queries say (codomain tune).",
            f"flip_{name}",
        )
    negated = by_name.get("negate")
    if negated is not None and negated.rate < 0.5:
        found.advise(
            f"{subject.expression} hardly hears a negation: the nearest passage is another one for "
            f"{found.figure('flip_negate')} of the texts. It cannot tell a claim from its denial.",
            "flip_negate",
        )
    return found


_SAID = {
    "typo": "two letters of a word swapped",
    "case": "all in capitals",
    "whitespace": "doubled spaces",
    "order": "words shuffled",
    "number": "one number changed",
    "mask": "the longest word left out",
    "negate": "a negation put in or taken out",
}


def position(subject: Subject) -> Section:
    """How much of a token's vector, in the last layer, is where it stands; transformers only."""
    length, (states, kept) = _states(subject)
    found = Section(
        f"Position and context: variance of the token vectors of {len(kept)} passages at {length} positions"
    )
    for name, H in (("middle", states[len(states) // 2]), ("last", states[-1])):
        parts = decompose(H)
        shares = parts.shares()
        for part, share in shares._asdict().items():
            found.add(f"{part}_{name}", f"{name} layer: {part}", share, share=True)
        found.add(f"position_rank_{name}", f"{name} layer: stable rank of the position part", parts.stable_rank())
        found.add(
            f"coherence_{name}", f"{name} layer: mean |cos| of position and context", parts.coherence()[0], "0: apart"
        )
    last = found.figure("position_last")
    if last.value > 0.1:
        found.advise(
            f"Position makes up {last} of the token vectors that are pooled: texts of other lengths differ by that alone. "
            "Whether chunks of equal length mend that, judged queries say.",
            "position_last",
        )
    return found


def _states(subject: Subject) -> tuple[int, tuple[Any, list[int]]]:
    """The length, and what `hidden_states` gives for passages of that length."""
    texts = subject.texts(_POOL)
    for length in _LENGTHS:
        long = [text for text in texts if len(text) >= 2 * length][: 2 * _READ]
        try:
            states, kept = hidden_states(subject.encoder, long, length)
        except InputError:
            if length == _LENGTHS[-1] or subject.encoder.network is None:
                raise
            continue
        if len(kept) >= _ENOUGH or length == _LENGTHS[-1]:
            return length, (states[:, :_READ], kept[:_READ])
    raise InputError("no passage is long enough.")
