"""feedback: what users liked and disliked, in a journal, and what it makes of vectors: shadows beside the stored ones.

The journal is the truth. A shadow is the vector of a row after all feedback on it; it is searched in the place of the stored
vector, which stays as it is. Shadows belong to one branch and one space: after a fit or an upgrade they are made anew.
"""
