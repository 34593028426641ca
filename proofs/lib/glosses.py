"""The definitions of WordNet: short English sentences of every subject, for proofs that need many texts of one kind."""

from __future__ import annotations

import numpy as np

from proofs.lib.files import table


def glosses(count: int) -> list[str]:
    """So many different definitions of $CODOMAIN_DATA/wordnet, without their examples; a larger draw begins with a smaller one."""
    found = (row["gloss"].split(";")[0].strip() for row in table("wordnet", "synsets.tsv.gz"))
    texts = sorted({text for text in found if len(text.split()) >= 4})
    return [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[:count]]
