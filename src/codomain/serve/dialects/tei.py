"""The routes of text-embeddings-inference: /embed, /embed_sparse, /embed_all, /rerank, /similarity, /tokenize, /info."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from itertools import pairwise

import numpy as np
from fastapi import APIRouter, Response

from codomain.arrays import unit_rows
from codomain.serve.catalog import Model
from codomain.serve.dialects.answers import Body, Served, answer, as_list, asks_for_queries
from codomain.serve.dialects.jina import Rerank as JinaRerank
from codomain.serve.dialects.jina import WithText, rerank_answer
from codomain.serve.encoding.embedding import dense, encode
from codomain.serve.encoding.reranking import rerank as ranked
from codomain.serve.errors import Refusal

router = APIRouter(tags=["TEI"])

_QUERY_PROMPTS = {"query", "search_query"}


class Inputs(Body):
    """Texts, and which of the model's prompts stands before them: "query" encodes them as queries."""

    inputs: str | list[str]
    model: str = ""
    truncate: bool = False
    prompt_name: str | None = None


class Embed(Inputs):
    """TEI's fields."""

    normalize: bool = True
    dimensions: int | None = None


class Rerank(Body):
    """TEI's fields, or those of Jina: /rerank is a route of both."""

    query: str
    texts: list[str] | None = None
    model: str = ""
    raw_scores: bool = False
    return_text: bool = False
    truncate: bool = False
    documents: list[str | WithText] | None = None
    top_n: int | None = None
    return_documents: bool = False


class Similarity(Body):
    """TEI's fields."""

    class Sentences(Body):
        """A sentence, and those that it is compared with."""

        source_sentence: str
        sentences: list[str]

    inputs: Sentences
    model: str = ""


class Tokenize(Body):
    """TEI's fields."""

    inputs: str | list[str]
    model: str = ""
    add_special_tokens: bool = True


@router.post("/embed")
async def embed(body: Embed, served: Served) -> Response:
    """Vectors of texts, a list of numbers each."""
    model, texts = served.model(body.model), _texts(body)
    found = await dense(model, texts, _as_queries(body), body.dimensions, body.truncate)
    return answer(list(unit_rows(found.vectors) if body.normalize else found.vectors), found.headers)


@router.post("/embed_sparse")
async def embed_sparse(body: Inputs, served: Served) -> Response:
    """Learned sparse vectors: the numbers of terms with their weights."""
    model = _of_kind(served.model(body.model, ("sparse",)), "sparse")
    found = await encode(model, _texts(body), _as_queries(body), body.truncate)
    rows = found.vectors.tocsr()
    parts = pairwise(rows.indptr.tolist())
    return answer(
        [
            [
                {"index": int(index), "value": float(value)}
                for index, value in zip(rows.indices[start:stop], rows.data[start:stop], strict=True)
            ]
            for start, stop in parts
        ],
        found.headers,
    )


@router.post("/embed_all")
async def embed_all(body: Inputs, served: Served) -> Response:
    """A vector for each token of each text."""
    model = _of_kind(served.model(body.model, ("multi",)), "multi")
    found = await encode(model, _texts(body), _as_queries(body), body.truncate)
    offsets = found.vectors.offsets.tolist()
    return answer(
        [list(found.vectors.values[start:stop]) for start, stop in pairwise(offsets)],
        found.headers,
    )


@router.post("/rerank")
async def rerank(body: Rerank, served: Served) -> Response:
    """Texts by their similarity to the query, the best first; with `documents` instead of `texts` the answer is Jina's."""
    if body.texts is not None and body.documents is not None:
        raise Refusal(422, "texts is TEI's and documents Jina's: give one of them.", "documents")
    if body.documents is not None:
        jina = body.model_dump(include={"query", "documents", "model", "top_n", "return_documents"})
        return await rerank_answer(JinaRerank.model_validate(jina), served)
    if not body.texts:
        raise Refusal(400, "there is no text to rank.", "texts")
    found = await ranked(served.model(body.model, ("dense", "multi", "sparse")), body.query, body.texts)
    return answer(
        [
            {"index": i, "score": float(found.scores[i]), **({"text": body.texts[i]} if body.return_text else {})}
            for i in found.order
        ]
    )


@router.post("/similarity")
async def similarity(body: Similarity, served: Served) -> Response:
    """The cosine of a sentence with each of others."""
    if not body.inputs.sentences:
        raise Refusal(400, "there is no sentence to compare with.", "inputs")
    found = await dense(served.model(body.model), [body.inputs.source_sentence, *body.inputs.sentences], False)
    unit = unit_rows(found.vectors).astype(np.float64)
    return answer([float(score) for score in unit[1:] @ unit[0]], found.headers)


@router.post("/tokenize")
async def tokenize(body: Tokenize, served: Served) -> Response:
    """The tokens of texts, with their places; 501 for an encoder without a tokenizer."""
    model, texts = served.model(body.model, ("dense", "multi", "sparse")), as_list(body.inputs)
    if not texts:
        raise Refusal(400, "there is no text to cut into tokens.", "inputs")
    tokens_of = getattr(model.encoder, "tokens", None)
    if tokens_of is None:
        raise Refusal(501, f"{model.name} does not tell its tokens.", "model")
    found = await asyncio.to_thread(tokens_of, texts, body.add_special_tokens)
    return answer([[token._asdict() for token in one] for one in found])


@router.get("/info")
async def info(served: Served) -> Response:
    """What the first model is; with the names of all."""
    model = served.model("", ("dense", "multi", "sparse"))
    return answer(
        {
            "model_id": model.name,
            "model_sha": model.fingerprint,
            "model_dtype": "float32",
            "model_type": {"embedding": {"pooling": "mean"}},
            "max_input_length": model.window,
            "auto_truncate": False,
            "version": version("codomain"),
            "served": {
                name: {"pipeline": str(one), "gives": one.gives, "dim": one.dim} for name, one in served.models.items()
            },
        }
    )


def _texts(body: Inputs) -> list[str]:
    texts = as_list(body.inputs)
    if not texts or not all(texts):
        raise Refusal(400, "inputs is empty, or holds a text that is.", "inputs")
    return texts


def _as_queries(body: Inputs) -> bool:
    return body.prompt_name in _QUERY_PROMPTS or asks_for_queries(body.model)


def _of_kind(model: Model, kind: str) -> Model:
    if model.gives != kind:
        raise Refusal(400, f"{model.name} gives {model.gives} vectors, not {kind} ones.", "model")
    return model
