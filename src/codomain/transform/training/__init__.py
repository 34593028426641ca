"""Transforms that PyTorch fits and numpy applies; the only modules of this room that import torch.

adapter.py      low-rank adapters: in-batch and mined negatives, early stopping
adversarial.py  the adversarial translator between two spaces
checkpoint.py   the state of an interrupted training
loop.py         the one training loop
recurrent.py    recurrent binary codes
rotation.py     their rotation, learned from the similarities of vectors
siamese.py      siamese heads: squared error of cosines on scores
"""
