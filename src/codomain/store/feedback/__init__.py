"""Feedback: what users liked and disliked, in a journal, and the corrected vectors that follow from it.

api.py          what a user does: enter verdicts, take them back
replay.py       from the journal to corrected vectors
corrections.py  `CorrectedVectors`: searched in the place of the stored ones, which stay as they are
"""
