"""Transforms that PyTorch fits and numpy applies; the only modules of this room that import torch.

adapter.py      low-rank adapters: in-batch and mined negatives, early stopping
adversarial.py  the adversarial translator between two spaces
recurrent.py    recurrent binary codes
"""
