"""Recipes: what their files must say, and the parts that they make."""

import re

import pytest

from codomain.errors import InputError, RegistryError
from codomain.learn.mining.hard_negatives import HardNegatives
from codomain.learn.recipes import recipe as recipes
from codomain.learn.recipes.recipe import PARTS, Recipe
from codomain.measure.papers import load
from codomain.registry import _BUILT_IN, lookup, names, register

HEAD = 'summary = "S"\npapers = [158]\neffect = "E"\n'
PAPERS = {paper.number for paper in load()}


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", names("recipe"))
def test_every_recipe_says_what_it_is_and_names_papers_of_the_register(name):
    recipe = lookup("recipe", name)
    assert recipe.name == name and recipe.summary and recipe.effect
    assert recipe.papers and set(recipe.papers) <= PAPERS


@pytest.mark.needs_learn
@pytest.mark.parametrize("name", names("recipe"))
def test_every_recipe_makes_its_parts(name):
    recipe = lookup("recipe", name)
    for role in PARTS:
        assert (recipe.part(role) is None) == (role not in recipe.settings)


def test_every_file_of_the_folder_is_registered():
    files = {path.stem for path in recipes.Path(recipes.__file__).parent.glob("*.toml")}
    assert files == set(_BUILT_IN["recipe"])


def test_parts_have_the_arguments_of_the_file_then_the_defaults(tmp_path):
    text = HEAD + '[miner]\nname = "hard_negatives"\nk = 3\n[batcher]\nname = "shuffled"\n[train]\nepochs = 2\n'
    recipe = Recipe.read(written(tmp_path, text))
    miner = recipe.part("miner", depth=50, k=9)
    assert isinstance(miner, HardNegatives) and (miner.k, miner.depth) == (3, 50)
    assert recipe.part("batcher", size=8).size == 8 and recipe.part("objective") is None
    assert recipe.settings["train"] == {"epochs": 2} and recipe.papers == (158,) and recipe.name == "mine"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("= 3", "is not TOML"),
        ('papers = [1]\neffect = "E"', "needs summary"),
        ('summary = "S"\npapers = 1\neffect = "E"', "needs papers"),
        (HEAD + 'batcher = "shuffled"', r"needs a table \[batcher\] with a name"),
        (HEAD + "[batcher]\nsize = 3", r"needs a table \[batcher\] with a name"),
        (HEAD + '[batcher]\nname = "shufled"', "did you mean shuffled"),
        (HEAD + '[miner]\nname = "x"', "known are hard_negatives"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        Recipe.read(written(tmp_path, text))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("sise = 3", "has no argument 'sise': did you mean size"),
        ("size = 0", "needs size to be a whole number"),
        ('size = "many"', "needs size to be a whole number"),
    ],
)
def test_arguments_that_a_part_does_not_take_are_named(tmp_path, arguments, sentence):
    recipe = Recipe.read(written(tmp_path, HEAD + f'[batcher]\nname = "shuffled"\n{arguments}\n'))
    with pytest.raises(InputError, match=re.escape("the batcher 'shuffled' ") + sentence):
        recipe.part("batcher")


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Recipe.read(tmp_path / "none.toml")


def test_another_file_cannot_take_the_name_of_a_recipe(tmp_path):
    other = Recipe.read(written(tmp_path, HEAD))
    with pytest.raises(RegistryError, match=r"static.toml.*mine.toml"):
        register("recipe", "static")(other)
    again = lookup("recipe", "static")
    assert register("recipe", "static")(Recipe.read(again.path)) == again
