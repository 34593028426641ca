"""The dialects of servers: how a request is written, and how an answer is read.

dialect.py  what a dialect is; reading answers with every part checked
openai.py   /embeddings, /chat/completions
cohere.py   /v2/embed, /v2/rerank
voyage.py   /embeddings, /contextualizedembeddings, /rerank
ollama.py   /api/embed, /api/chat
tei.py      /embed, /embed_sparse, /embed_all, /rerank
jina.py     /rerank
"""

from __future__ import annotations

from codomain.endpoints.dialects.cohere import Cohere
from codomain.endpoints.dialects.dialect import Dialect
from codomain.endpoints.dialects.jina import Jina
from codomain.endpoints.dialects.ollama import Ollama
from codomain.endpoints.dialects.openai import OpenAI
from codomain.endpoints.dialects.tei import TEI, TEIAll, TEISparse
from codomain.endpoints.dialects.voyage import Voyage

DIALECTS: dict[str, Dialect] = {
    one.name: one for one in (OpenAI(), Cohere(), Voyage(), Ollama(), TEI(), TEISparse(), TEIAll(), Jina())
}
"""Every dialect by name."""

__all__ = ["DIALECTS", "TEI", "Cohere", "Dialect", "Jina", "Ollama", "OpenAI", "TEIAll", "TEISparse", "Voyage"]
