"""What is the matter with a collection? Its vectors and texts measured, and advice that quotes the figures.

`subject` is what is looked at, `vectors`, `texts`, `search`, `judged`, `against` and `model` measure, `report` writes.
"""
