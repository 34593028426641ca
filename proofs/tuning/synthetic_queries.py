"""How well does a choice made on queries taken out of the documents agree with one made on people's judgments?

Every pipeline of `tune`'s usual space is measured twice on Cranfield, SciFact and NPL: with the set's own queries, and with
200 queries that are sentences, or first lines, cut out of the documents. Printed are Kendall's tau between the two orders of the
pipelines, of all and of those without BM25, and the regret: what the pipeline that was chosen on made queries loses, with
real ones, against the pipeline that is chosen on real ones. What is claimed, before any of it was run:

 - the orders agree (tau above .5) among pipelines without BM25;
 - the choice loses less than .03 nDCG@10 against the choice on judgments, on two of the three sets at least;
 - it beats float32 search by MiniLM, what people take without measuring, on two of the three sets at least.

    CODOMAIN_DATA=... python proofs/tuning/synthetic_queries.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from scipy.stats import kendalltau

sys.path.append(str(Path(__file__).parents[2]))

from codomain.errors import InputError
from codomain.measure import load
from codomain.measure.data.datasets import Dataset
from codomain.measure.data.encoded import cache_folder
from codomain.tuning import tune
from codomain.tuning.choice.selection import choose
from codomain.tuning.search_space import Space, starting
from codomain.tuning.trials.outcome import Outcome
from proofs.lib.claims import Claim, above, at_least
from proofs.lib.prove import prove

SETS = ("cranfield", "scifact", "npl_vaswani")
DENSE = "minilm() >> flat()"


def measured(data: Dataset, **options: object) -> dict[str, Outcome]:
    space = Space.default(len(data.documents)).expressions()
    folder = cache_folder() / "tune" / data.name
    tuned = tune(data, space=space, race=False, holdout=0, confirm=False, folder=folder, engine="inside", **options)  # type: ignore[arg-type]
    return {o.expression: o for o in tuned.outcomes if o.status == "done"}


def main() -> list[Claim]:
    orders, regrets, gains = [], [], []
    for name in SETS:
        data = load(name)
        real = measured(data)
        chosen = choose([*real.values()], start=starting([*real]))
        assert chosen is not None
        print(
            f"{name}: on judgments {chosen.recommended.expression} {chosen.recommended.mean:.3f}, {DENSE} {real[DENSE].mean:.3f}"
        )
        for source in ("sentence", "first line"):
            try:
                made = measured(data, mode="synthetic", source=source, number=200)
            except InputError as error:  # NPL's abstracts are a single line without full stops
                print(f"  {source:<10} {error}")
                continue
            dense = [e for e in real if "bm25" not in e]
            tau, tau_dense = (
                kendalltau([real[e].mean for e in some], [made[e].mean for e in some]).statistic
                for some in ([*real], dense)
            )
            choice = choose([*made.values()], start=starting([*made]))
            assert choice is not None
            mine = real[choice.recommended.expression]
            regret = chosen.recommended.mean - mine.mean
            print(
                f"  {source:<10} tau {tau:.2f}, without BM25 {tau_dense:.2f}; chooses {mine.expression}: "
                f"{mine.mean:.3f} on judgments, regret {regret:+.3f}, over dense {mine.mean - real[DENSE].mean:+.3f}"
            )
            if source == "sentence":
                orders.append(tau_dense)
                regrets.append(regret)
                gains.append(mine.mean - real[DENSE].mean)
    return [
        above("without BM25 the orders agree on every set, least tau", min(orders), 0.5),
        at_least("sets of three on which the regret is below .03", sum(r < 0.03 for r in regrets), 2),
        at_least("sets of three on which it beats float32 dense search", sum(g > 0 for g in gains), 2),
    ]


if __name__ == "__main__":
    prove(main)
