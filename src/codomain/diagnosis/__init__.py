"""Diagnosing a collection: its vectors and texts measured, and advice that quotes the figures.

run.py      `diagnose`: every measurement that the subject allows
subject.py  what is diagnosed: passages, vectors, queries
texts.py    lengths, repeats, what the encoder never reads
vectors.py  isotropy, dimension, hubs, near duplicates
search.py   what compression and the order of insertion cost
judged.py   the gap between queries and documents, thresholds
model.py    edits that flip a decision, position in vectors
against.py  drift against another corpus, agreement with another encoder
costs.py    what an advice costs on the judged pairs
report.py   sections, figures, advice
histogram.py  histograms, and documents by name
words.py    numbers for people
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {"diagnose": "codomain.diagnosis.run", "Diagnosis": "codomain.diagnosis.report"}

__all__ = list(_HOMES)

__getattr__, __dir__ = exports(__name__, _HOMES)
