"""What a model is trained to do, as torch modules with one contract, `contracts.Objective`.

contrastive.py   a query's positive against all other documents of the batch
distillation.py  a teacher's vectors of the same items
stationary.py    classifiers that never move, so that features of successive models stay comparable
"""

from codomain.learn.objectives.contrastive import Contrastive
from codomain.learn.objectives.distillation import EmbeddingDistillation
from codomain.learn.objectives.stationary import StationaryLoss

__all__ = ["Contrastive", "EmbeddingDistillation", "StationaryLoss"]
