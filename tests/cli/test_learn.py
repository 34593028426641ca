"""codomain learn: recipes are listed, and a recipe that cannot be used is one sentence."""

from __future__ import annotations

import json

from codomain.registry import names


def test_recipes_are_listed_with_parts_papers_and_effect(command) -> None:
    code, out, err = command("learn", "recipes")
    assert (code, err) == (0, "")
    assert "static: A static table" in out and "[papers 158]" in out
    assert "batcher shuffled, objective embedding_distillation" in out and "expected: " in out
    code, out, _ = command("learn", "recipes", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [row["name"] for row in rows] == names("recipe")
    assert rows[0].keys() == {"name", "summary", "papers", "effect", "parts", "path"}


def test_a_recipe_with_an_unknown_part_is_one_sentence(command, tmp_path) -> None:
    (tmp_path / "mine.toml").write_text('[batcher]\nname = "shufled"\n')
    code, out, err = command("learn", "static", "--out", str(tmp_path / "t"), "--recipe", str(tmp_path / "mine.toml"))
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert "did you mean shuffled" in err or "codomain[learn]" in err
