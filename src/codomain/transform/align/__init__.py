"""Vectors of one encoder in the space of another.

align.py        `Align`: the best of several maps fitted on paired rows
maps.py         the maps: affine, in float64
relative.py     `Relative`: vectors described by their cosines to anchors
unpaired.py     `UnpairedAlign`: no pair is needed, the shapes of the two clouds are enough
matching.py     which cluster and which vector of one space stands for which of another
adversarial.py  `AdversarialTranslator`, experimental
"""
