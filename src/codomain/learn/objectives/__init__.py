"""What a model is trained to do, as torch modules.

stationary.py  classifiers that never move, so that features of successive models stay comparable
"""
