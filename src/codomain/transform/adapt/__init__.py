"""Corrections on top of an encoder that cannot be changed.

low_rank.py  `LowRankAdapter`: a low-rank residual learnt from pairs
items.py     `OnlineItems`: item vectors that move with each success or failure
siamese.py   `SiameseHead`: both texts of a pair through one network, so that cosines follow scores
"""
