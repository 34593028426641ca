"""Devices that networks run on.

place.py     which device: the one that a stage names, or the best that is there
batches.py   how many texts at once: by free memory, halved where that was too many
waiting.py   how long threads that wait turn in circles
"""
