"""rerankers: an encoder's similarity as a ranker of that package.

CodomainRanker("minilm()").rank("fox", ["a blue whale", "a red fox"])[0].text
"""

from __future__ import annotations

from typing import Any

from rerankers.documents import Document
from rerankers.models.ranker import BaseRanker
from rerankers.results import RankedResults, Result
from rerankers.utils import prep_docs

from codomain.errors import InputError
from codomain.pipeline import pipeline
from codomain.rank.similarity import rank_texts


class CodomainRanker(BaseRanker):  # type: ignore[misc]
    """Documents by an encoder's similarity to the query, as `Reranker(...)` of the package gives them.

    >>> found = CodomainRanker("static()").rank("fox", ["a blue whale", "a red fox"])
    >>> [(one.doc_id, one.rank) for one in found]
    [(1, 1), (0, 2)]
    """

    def __init__(self, model_name_or_path: str = "minilm()", verbose: int = 0) -> None:
        self.model, self.verbose = pipeline(model_name_or_path), verbose

    def score(self, query: str, doc: str) -> float:
        """The similarity of one document."""
        return rank_texts(self.model, query, [doc])[0][1]

    def rank(
        self,
        query: str,
        docs: str | list[str] | Document | list[Document],
        doc_ids: list[str] | list[int] | None = None,
        metadata: list[dict[str, Any]] | None = None,
    ) -> RankedResults:
        """All documents, the best first; InputError for a document without text, or as many ids as there are not documents."""
        given = docs if isinstance(docs, list) else [docs]
        for name, beside in (("ids", doc_ids), ("metadata", metadata)):
            if beside is not None and len(beside) != len(given):
                raise InputError(f"{len(given):,} documents have {len(beside):,} {name}.")
        documents = prep_docs(docs, doc_ids, metadata) if given else []
        odd = next((one.doc_id for one in documents if one.document_type != "text"), None)
        if odd is not None:
            raise InputError(f"the document {odd!r:.80} is an image, and only texts are ranked.")
        order = rank_texts(self.model, query, [one.text for one in documents])
        results = [Result(documents[i], score, place) for place, (i, score) in enumerate(order, 1)]
        return RankedResults(results, query, has_scores=True)
