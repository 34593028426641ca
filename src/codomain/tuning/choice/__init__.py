"""The choice: what trials say of pipelines, corrected for how many there were.

selection.py   the frontier, and the cheapest pipeline that is good enough
shrinkage.py   values drawn towards what their choices give elsewhere
effects.py     what each choice is worth
"""
