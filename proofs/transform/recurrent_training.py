"""Two bits per dimension from a trained network, against the same values read off a grid and int2, at equal bytes.

Paper 42: "Binary Embedding-based Retrieval at Tencent" (2023), the trained form without pairs: two-layer networks with batch
normalisation, straight-through signs, InfoNCE between the codes of a vector and of the same with noise. Hidden layers of 512
instead of 1,024 to 2,048, 10 epochs.

Data: 20,000 one-line synopses of Debian packages ($CODOMAIN_DATA/debian_packages) and 1,000 others as queries, MiniLM.
Measured: the share of the ten nearest by float32 among the first 10 of each code of 768 bits. Fitted on documents only; the
length of the noise was chosen on held-out documents. Codes are compared with codes; "float query" scores them against
float32. Claims, from the specification: the trained codes keep at least .80, and more than int2.

    CODOMAIN_DATA=... python proofs/transform/recurrent_training.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.index.flat import Flat
from codomain.transform import Int2, RecurrentBinary
from proofs.lib import synopses
from proofs.lib.claims import Claim, above, at_least
from proofs.lib.prove import prove


def main() -> list[Claim]:
    from codomain.transform.training.recurrent import train

    data = synopses.read()
    exact = Flat().build(data.vectors).search(data.asked, 10).rows

    def share(codes: np.ndarray, codec: object, queries: np.ndarray) -> float:
        rows = Flat("cosine").build(codes, codec).search(queries, 10).rows
        return float((rows[:, :, None] == exact[:, None]).any(axis=1).mean())

    kept: dict[str, float] = {}
    for quantizer in (RecurrentBinary(2), Int2()):
        codes = quantizer.fit(data.vectors).encode(data.vectors)
        kept[str(quantizer)] = share(codes, quantizer.codec, quantizer.transform(data.asked))
        kept[f"{quantizer}, float query"] = share(codes, quantizer.codec, data.asked)
    network = train(data.vectors, bits=2, hidden=512, epochs=10)
    kept["trained"] = share(network.encode(data.vectors), network.codec, network.transform(data.asked))
    for name, found in kept.items():
        print(f"{name:36}{found:.3f}")
    return [
        at_least("the trained codes keep of the ten nearest", kept["trained"], 0.8),
        above("the trained codes keep more than int2", kept["trained"] - kept["int2()"], 0),
    ]


if __name__ == "__main__":
    prove(main)
