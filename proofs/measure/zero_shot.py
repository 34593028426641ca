"""Classes with a name only: does a label's vector gain by moving into the documents?

Paper 29: "Evaluating Unsupervised Text Classification: Zero-shot and Similarity-based Approaches" (2022), whose
similarity-based method (Lbl2TransformerVec) wins on most of its four sets, 20 Newsgroups and AG's corpus among them.

Data: 3,000 texts of AG News (4 classes), 3,000 posts of 20 Newsgroups in its 6 groups of subjects, 3,080 questions of
Banking77 (77 intents), all of $CODOMAIN_DATA; their labels are used to judge only. Encoder minilm(max_length=128), first
1,000 characters. Baselines of the paper: the name of the label alone, the mean of its keywords. Its third baseline, a model
of entailment, cannot be had offline. The method is transductive: it sees the unlabelled documents that it labels.

What is claimed: from the label's name alone, moving into the documents gains at least .02 macro-F1 on AG News, and gains
on 20 Newsgroups with its paired 95 % interval above zero; of four classes that AG News has nothing of, at least three are
dropped, and none that it has. The rule that drops was set on static() vectors, of other posts and of AG News, these texts
among them. Also printed is what moving gains on the mean of the keywords, from keywords.

Fixed before the first run as well, and missed: that on 77 fine classes, where the nearest 2 % of the documents belong to
several of them, the gain is below .02. It is .022. That was our guess against the method, not the paper's claim.

    CODOMAIN_DATA=... python proofs/measure/zero_shot.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure.data.encoded import encoded
from codomain.measure.metrics.classification import Score, accuracy, f1_difference, macro_f1
from codomain.measure.tasks.zero_shot import LabelCentroidClassifier
from proofs.lib.claims import Claim, above, at_least, below, shown
from proofs.lib.labeled import Labelled, agnews, banking77, newsgroups
from proofs.lib.prove import prove

AGNEWS = {
    "World": ["world", "international politics", "war and conflict", "government", "elections"],
    "Sports": ["sports", "football match", "championship", "team and players", "Olympic games"],
    "Business": ["business", "stock market", "company profits", "economy", "oil prices"],
    "Sci/Tech": ["science and technology", "software", "internet", "space", "computers"],
}
NEWSGROUPS = {
    "comp": ["computers", "computer hardware", "operating system", "computer graphics", "software"],
    "rec": ["recreation", "baseball", "hockey", "cars", "motorcycles"],
    "sci": ["science", "cryptography", "electronics", "medicine", "space"],
    "misc": ["for sale", "price and shipping", "asking price", "best offer"],
    "politics": ["politics", "guns", "the Middle East", "government"],
    "religion": ["religion", "Christianity", "atheism", "the Bible", "God"],
}
GROUPS = {
    "comp": "comp", "rec": "rec", "sci": "sci", "misc": "misc", "alt": "religion", "soc": "religion",
    "talk.politics": "politics", "talk.religion": "religion",
}  # fmt: skip
ABSENT = ["cooking recipes", "knitting patterns", "medieval poetry", "gardening"]


Gain = Callable[[str, str], Score]


def group(label: str) -> str:
    head = ".".join(label.split(".")[:2])
    return GROUPS.get(head) or GROUPS[label.split(".")[0]]


def spoken(name: str) -> str:
    return name.replace("_", " ").replace("/", " and ")


def main() -> list[Claim]:
    encoder = cd.pipeline("minilm(max_length=128)").stages[0]

    def measure(data: Labelled, keywords: dict[str, list[str]] | None, names: dict[str, list[str]]) -> Gain:
        X = np.float32(encoded(encoder, data.texts))

        def labels(words: dict[str, list[str]], **settings: object) -> np.ndarray:
            return LabelCentroidClassifier(encoder, words, noise=None, **settings).fit(X).predict(X)

        found = {}
        for word, words in {"name": names, "keywords": keywords}.items():
            if words:
                found |= {
                    f"{word}, not centred": labels(words, n_docs=0, center=False),
                    word: labels(words, n_docs=0),
                    f"{word}, centroid": labels(words),
                    f"{word}, centroid of 2 %": labels(words, n_docs=0.02),
                    f"{word}, centroid without outliers": labels(words, outliers="lof"),
                    f"{word}, centroid, 5 iterations": labels(words, iterations=5),
                }
        for name, predicted in found.items():
            scores = (
                f"macro-F1 {macro_f1(data.labels, predicted)}  accuracy {accuracy(data.labels, predicted).value:.3f}"
            )
            print(f"  {name:38}{scores}", flush=True)
        return lambda first, second: f1_difference(data.labels, found[first], found[second])

    news = agnews()
    print(f"AG News, {len(news.texts):,} texts, 4 classes")
    gain = measure(news, AGNEWS, {name: [spoken(name)] for name in AGNEWS})
    on_name, on_words = gain("name", "name, centroid"), gain("keywords", "keywords, centroid")
    print(f"  the centroid gains {_signed(on_name)} on the name, {_signed(on_words)} on the mean of the keywords")
    claims = [at_least("AG News: the centroid gains on the name, macro-F1", on_name.value, 0.02)]
    sorter = LabelCentroidClassifier(encoder, AGNEWS | {name: [name] for name in ABSENT})
    dropped = sorter.fit(np.float32(encoded(encoder, news.texts))).dropped_
    right = len(dropped) >= 3 and set(dropped) <= set(ABSENT)
    claims.append(
        shown("three of four absent classes are dropped, none that is there", right, ", ".join(dropped) or "none")
    )

    posts = newsgroups()
    posts = Labelled(posts.texts, [group(label) for label in posts.labels])
    print(f"20 Newsgroups, {len(posts.texts):,} posts, 6 groups")
    gain = measure(posts, NEWSGROUPS, {name: [words[0]] for name, words in NEWSGROUPS.items()})
    on_name, on_words = gain("name", "name, centroid"), gain("keywords", "keywords, centroid")
    print(f"  the centroid gains {_signed(on_name)} on the name, {_signed(on_words)} on the mean of the keywords")
    claims.append(above("20 Newsgroups: the centroid gains on the name, macro-F1, lower end", on_name.low, 0))

    asked = banking77()
    print(f"Banking77, {len(asked.texts):,} questions, 77 intents")
    gain = measure(asked, None, {name: [spoken(name)] for name in sorted(set(asked.labels))})
    two, auto = gain("name", "name, centroid of 2 %"), gain("name", "name, centroid")
    print(f"  on the name 2 % of the documents gain {_signed(two)}, the usual .65 % {_signed(auto)}")
    claims.append(below("Banking77: 2 % of the documents gain on the name, macro-F1", two.value, 0.02))
    return claims


def _signed(score: Score) -> str:
    return f"{score.value:+.3f} [{score.low:+.3f}, {score.high:+.3f}]"


if __name__ == "__main__":
    prove(main)
