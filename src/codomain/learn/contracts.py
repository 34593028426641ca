"""What the parts of a training promise: objectives, batchers, miners, generators; each with the smallest class that fits.

Objective    embeddings of a batch -> a loss                         `objectives/`
Batcher      codes of the rows, epoch, seed -> batches of rows       `batching/`
Miner        queries, documents, positives -> CandidateTable         `mining/`
Generator    prompts -> texts                                        `synthesis/`

A batcher and a miner see vectors and whole numbers, never texts or images: one serves all modalities.
`trainer.Trainer` joins them, `recipes.Recipe` names them in a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

from torch import Tensor, nn

from codomain.errors import InputError
from codomain.learn.arguments import arguments_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from codomain.arrays import Floats
    from codomain.learn.mining.table import CandidateTable

Labels = Literal["none", "class", "group", "scores", "teacher_embeddings"]
"""What the labels of a batch are: nothing; the class of each row (n,), whole numbers; the group of each row (n,), rows of
one group being positives of each other; scores (n,) or (n, candidates); a teacher's vectors (n, d), or (n, columns, d)."""


class Objective(nn.Module):
    """What a model is trained to do: the embeddings of a batch and its labels to a loss.

    Arguments of the constructor are kept as attributes of the same name. The smallest one:

    >>> import torch
    >>> class Closer(Objective):
    ...     columns = (2, 2)
    ...     def loss(self, embeddings, labels):
    ...         a, b = embeddings
    ...         return (a - b).square().sum(dim=1).mean()
    >>> Closer().compute_loss_from_embeddings([torch.zeros(3, 2), torch.ones(3, 2)])
    tensor(2.)

    `Trainer` calls it so. sentence-transformers' trainers call it with a model and features, which follows from `loss`:
    `SentenceTransformerTrainer(model, ..., loss=Closer().for_model(model))`.
    """

    columns: ClassVar[tuple[int, int | None]] = (2, None)
    """The least and the largest number of columns, the inputs of a row: query, positive, negatives ...; None: any number."""
    labels: ClassVar[Labels] = "none"
    needs_labels: ClassVar[bool] = False
    """Whether it cannot do without them."""
    progress: float = 0.0
    """The share of the training that is done, 0 to 1: set before each step, for objectives that change with it."""
    model: nn.Module | None

    def __init__(self) -> None:
        super().__init__()
        self.model = None

    def loss(self, embeddings: Sequence[Tensor], labels: Tensor | None) -> Tensor | dict[str, Tensor]:
        """Embeddings (n, d), one tensor a column, and labels to a scalar, or to several by name, whose sum counts."""
        raise NotImplementedError

    # --- the convention of sentence-transformers ----------------------------------------------------------------

    def for_model(self, model: nn.Module) -> Self:
        """Itself, with the model whose features `forward` embeds; also a factory: `loss=objective.for_model`."""
        self.model = model
        return self

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor | None = None) -> Any:
        """Features, one dictionary a column, to the loss; raises InputError without a model."""
        from sentence_transformers.base.losses.merged_forward import embed_columns

        if self.model is None:
            raise InputError(f"{type(self).__name__} has no model: call for_model(model) before training.")
        return self.compute_loss_from_embeddings(embed_columns(self.model, sentence_features), labels)

    def compute_loss_from_embeddings(self, embeddings: Sequence[Tensor], labels: Tensor | None = None) -> Any:
        """`loss`, when columns and labels are as it needs them; raises InputError otherwise."""
        least, most = self.columns
        if not least <= len(embeddings) <= (most or math.inf):
            wanted = f"{least}" if least == most else f"{least} to {most}" if most else f"at least {least}"
            raise InputError(f"{type(self).__name__} needs {wanted} columns, not {len(embeddings)}.")
        if labels is None and self.needs_labels:
            raise InputError(f"{type(self).__name__} needs labels ({self.labels}), and there are none.")
        return self.loss(embeddings, labels)

    def get_config_dict(self) -> dict[str, Any]:
        """The constructor's arguments by name: for the model card of sentence-transformers."""
        return arguments_of(self)


class Batcher(Protocol):
    """Which rows share a batch: the codes of the rows (n, c), an epoch and a seed to arrays of row numbers.

    Codes are whole numbers that say what a batcher must know of a row; of items, equal numbers stand for equal items. The
    batches depend on nothing but the three, so that any epoch can be repeated; no row is twice in an epoch. The smallest one:

    >>> import numpy as np
    >>> class InOrder:
    ...     def __call__(self, codes, epoch, seed):
    ...         for start in range(0, len(codes), 2):
    ...             yield np.arange(start, min(start + 2, len(codes)))
    >>> [rows.tolist() for rows in InOrder()(np.array([[7], [8], [9]]), epoch=0, seed=0)]
    [[0, 1], [2]]
    """

    def __call__(self, codes: np.ndarray, epoch: int, seed: int) -> Iterator[np.ndarray]: ...


class Miner(Protocol):
    """Which documents serve as negatives: queries (q, d), documents (m, d) and positives (p, 2) to a table of candidates.

    A row of `positives` is the number of a query and of a document that is right for it. The table has all of them, flagged;
    no positive of a query is among its negatives. Scores are inner products. The smallest one:

    >>> import numpy as np
    >>> from codomain.learn.mining.table import CandidateTable
    >>> class LastDocument:
    ...     def mine(self, Q, D, positives):
    ...         wrong = [(q, len(D) - 1) for q in range(len(Q)) if [q, len(D) - 1] not in positives.tolist()]
    ...         pairs = np.concatenate([positives, np.array(wrong, int).reshape(-1, 2)])
    ...         scores = (Q[pairs[:, 0]] * D[pairs[:, 1]]).sum(axis=1)
    ...         return CandidateTable.of(len(Q), pairs, scores, np.arange(len(pairs)) < len(positives))
    >>> LastDocument().mine(np.eye(2), np.eye(3, 2), np.array([[0, 0], [1, 1]])).negatives(1)
    array([[2],
           [2]])
    """

    def mine(self, Q: Floats, D: Floats, positives: np.ndarray) -> CandidateTable: ...


class Generator(Protocol):
    """Prompts to texts, one each, in their order; `fingerprint` says what decides a text beside its prompt. The smallest one:

    >>> class Upper:
    ...     fingerprint = "upper 1"
    ...     def generate(self, prompts):
    ...         return [prompt.upper() for prompt in prompts]
    >>> Upper().generate(["why?"])
    ['WHY?']

    `synthesis.cached.CachedGenerator` keeps the texts on disk.
    """

    @property
    def fingerprint(self) -> str: ...

    def generate(self, prompts: Sequence[str]) -> list[str]: ...
