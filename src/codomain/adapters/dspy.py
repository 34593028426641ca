"""DSPy: a collection as a retriever.

search = CodomainRetriever(cd.open("notes"), k=3)
dspy.ReAct("question -> answer", tools=[search.as_tool()])
dspy.configure(rm=search.rm)  # what dspy.Retrieve asks
"""

from __future__ import annotations

import asyncio
from typing import Any

import dspy

from codomain.store import Collection, Hit


class CodomainRetriever(dspy.Module):  # type: ignore[misc]
    """The best passages for a query, by the collection's whole pipeline; `options` go to `Collection.search`."""

    def __init__(
        self, collection: Collection, k: int = 3, where: Any = None, namespace: str | None = None, **options: Any
    ) -> None:
        super().__init__()
        self.collection, self.k, self.where, self.namespace, self.options = collection, k, where, namespace, options

    def forward(self, query: str, k: int | None = None) -> dspy.Prediction:
        """A prediction with `passages`, and the `ids`, `scores` and `metadata` of their documents."""
        hits = self._hits(query, k)
        return dspy.Prediction(
            passages=[hit.text for hit in hits],
            ids=[hit.id for hit in hits],
            scores=[hit.score for hit in hits],
            metadata=[hit.metadata for hit in hits],
        )

    async def aforward(self, query: str, k: int | None = None) -> dspy.Prediction:
        """`forward` in a thread."""
        return await asyncio.to_thread(self.forward, query, k)

    def rm(self, query: str, k: int | None = None, **_: Any) -> list[Any]:
        """Passages as `dspy.Retrieve` wants them of `dspy.configure(rm=...)`: each with its `long_text`."""
        return [dspy.Example(long_text=hit.text, id=hit.id, score=hit.score) for hit in self._hits(query, k)]

    def as_tool(self) -> Any:
        """A tool for agents: the passages for a query."""

        def search(query: str) -> list[str]:
            """Search the collection for passages about a query."""
            return [hit.text for hit in self._hits(query, None)]

        return dspy.Tool(search)

    def _hits(self, query: str, k: int | None) -> list[Hit]:
        wanted = self.k if k is None else k
        return self.collection.search(query, wanted, self.where, namespace=self.namespace, **self.options)
