"""What every transform shares: scikit-learn's manners without importing scikit-learn, saved state, the fingerprint."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar, Self

import numpy as np

from codomain.arrays import Floats, as_float32
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.stage import Stage


class VectorError(InputError, ValueError):
    """Vectors that cannot be transformed; a ValueError too, which is what scikit-learn expects of its estimators."""


class Estimator(Stage):
    """A stage from vectors to vectors that scikit-learn can clone, chain and search over.

    Fitted arrays are attributes with a trailing underscore, listed in `_fitted`; the hooks are `_fit` and `_apply`.
    """

    needs_fit: ClassVar[bool] = True
    bit_planes: ClassVar[bool] = False
    """Whether its codes are packed bit planes, which are compared by popcounts."""
    _fitted: ClassVar[tuple[str, ...]] = ()

    n_features_in_: int

    def fit(self, X: Floats, y: Any = None) -> Self:
        """Learn from vectors (n, d); raises InputError for an empty sample, NaN, or too few dimensions."""
        X = self._floats(X, None)
        if len(X) == 0 or X.shape[1] == 0:
            raise VectorError(f"{self} cannot be fitted: the sample has shape {X.shape}.")
        try:
            self.output_dim(X.shape[1])
        except ValueError as error:
            raise VectorError(f"{self} {error}, but the vectors have {X.shape[1]}.") from None
        self._fit(X)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> Floats:
        """Vectors (n, d) to float32 (n, k); raises InputError when not fitted or of another dimension."""
        return self._apply(self._checked(X))

    def fit_transform(self, X: Floats, y: Any = None) -> Floats:
        """`fit`, then `transform` of the same vectors."""
        return self.fit(X, y).transform(X)

    def transform_queries(self, Q: Floats) -> Floats:
        """Queries (q, d) to float32 (q, k)."""
        return self.transform(Q)

    @property
    def codec(self) -> Codec | None:
        """None: the output is plain float32."""
        return None

    @property
    def fingerprint(self) -> str:
        """Hash of the name, the parameters and the fitted arrays: equal fingerprints give equal vectors."""
        digest = hashlib.sha256(self.identity.encode())
        for name, array in sorted(self.state().items()):
            digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def state(self) -> dict[str, np.ndarray]:
        """The fitted arrays by name, empty before `fit`."""
        if not self.__sklearn_is_fitted__():
            return {}
        return {name: np.asarray(getattr(self, name)) for name in (*self._fitted, "n_features_in_")}

    def restore(self, state: dict[str, np.ndarray]) -> Self:
        """Bring back what `state` gave; raises InputError when an array is missing."""
        if not state:
            return self
        for name in (*self._fitted, "n_features_in_"):
            if name not in state:
                raise InputError(f"the saved state of {self} lacks {name}.")
            array = np.asarray(state[name])
            setattr(self, name, array.item() if array.ndim == 0 else array)
        return self

    def set_params(self, **params: Any) -> Self:
        """Change arguments by name, as scikit-learn's grid search does; raises ValueError for an unknown one."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self}. Valid parameters are: {[*known]!r}."
                )
            setattr(self, name, value)
        return self

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """One name per output dimension, as scikit-learn's `set_output` wants them."""
        width = self.output_dim(self.n_features_in_)
        return np.array([f"{self.name}{i}" for i in range(width or 0)], dtype=object)

    def _fit(self, X: Floats) -> None:
        """Learn from checked vectors."""

    def _apply(self, X: Floats) -> Floats:
        """Transform checked vectors."""
        raise NotImplementedError

    def _checked(self, X: Floats) -> Floats:
        dim = getattr(self, "n_features_in_", None)
        if dim is None and self.needs_fit:
            raise VectorError(f"{self} is not fitted yet: call fit with a sample of vectors first.")
        return self._floats(X, dim)

    def _floats(self, X: Floats, dim: int | None) -> Floats:
        if hasattr(X, "toarray"):
            raise VectorError(f"{self} takes dense vectors, not a sparse matrix: call its toarray() first.")
        X = np.asarray(X)
        if np.iscomplexobj(X):
            raise VectorError(f"{self} takes real vectors. Complex data not supported.")
        try:
            return as_float32(X, dim=dim, what=f"the vectors given to {self}")
        except InputError as error:
            raise VectorError(str(error)) from None

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float32"]),
            input_tags=InputTags(two_d_array=True, sparse=False, allow_nan=False),
            requires_fit=self.needs_fit,
        )
