"""Trainings as data: one TOML file each, by the names of registered parts.

recipe.py    a recipe file, and the parts that it names
static.toml  the bundled static table
"""
