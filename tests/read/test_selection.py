"""Which files of a folder are read, compared with git's own answer."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from codomain.errors import InputError
from codomain.read import expand
from codomain.read.selection import Selection


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("text")
    return root


def chosen(root: Path, selection: Selection | None = None) -> list[str]:
    return [os.path.relpath(file.path, root) for file in expand([root], selection=selection)]


def test_gitignore_is_kept_to_and_counted(tmp_path):
    tree(tmp_path, "a.md", "b.log", "build/c.md", "sub/d.log", "sub/keep.log", "sub/e.md")
    (tmp_path / ".gitignore").write_text("*.log\nbuild/\n# a comment\n!\n")
    (tmp_path / "sub" / ".gitignore").write_text("!keep.log\n/e.md\n")
    selection = Selection()
    assert chosen(tmp_path, selection) == ["a.md", "sub/keep.log"] and selection.ignored == 4
    everything = ["a.md", "b.log", "build/c.md", "sub/d.log", "sub/e.md", "sub/keep.log"]
    assert chosen(tmp_path, Selection(gitignore=False)) == everything


def test_rules_above_a_folder_count_inside_a_repository_only(tmp_path):
    tree(tmp_path, "in/sub/a.md", "in/sub/b.log")
    (tmp_path / "in" / ".gitignore").write_text("*.log\n")
    assert chosen(tmp_path / "in" / "sub") == ["a.md", "b.log"]
    (tmp_path / "in" / ".git" / "info").mkdir(parents=True)
    assert chosen(tmp_path / "in" / "sub") == ["a.md"]
    (tmp_path / "in" / ".git" / "info" / "exclude").write_text("a.md\n")
    assert chosen(tmp_path / "in" / "sub") == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not there")
def test_what_git_would_track_is_what_is_read(tmp_path):
    patterns = [
        "*.log",
        "/a*",
        "build/",
        "sub/**/x.md",
        "!keep.log",
        "d?/",
        "[ab].md",
        "deep/*",
        "!deep/y.md",
        "**/z.md",
    ]
    names = [f"{folder}{name}" for folder in ("", "build/", "sub/", "sub/one/two/", "deep/", "d1/") for name in
             ("a.md", "b.md", "x.md", "y.md", "z.md", "k.log", "keep.log")]  # fmt: skip
    for seed in range(15):
        r = random.Random(seed)
        root = tree(tmp_path / str(seed), *names)
        (root / ".gitignore").write_text("\n".join(r.sample(patterns, 4)) + "\n")
        (root / "sub" / ".gitignore").write_text("\n".join(r.sample(patterns, 2)) + "\n")
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "--others", "--exclude-standard"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert sorted(chosen(root)) == sorted(name for name in listed if ".git" not in name)


def test_a_folder_that_is_named_is_read_though_the_rules_above_leave_it_out(tmp_path):
    tree(tmp_path, ".git/config", "build/a.md", "build/b.log", "build/c.log")
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "build" / ".gitignore").write_text("c.log\n")
    assert chosen(tmp_path) == []
    assert chosen(tmp_path / "build") == ["a.md", "b.log"]


def test_include_and_exclude(tmp_path):
    tree(tmp_path, "a.md", "b.py", "sub/c.md", "sub/d.py", "old/e.md")
    selection = Selection(include=["*.md"], exclude=["old/", "sub/c*"])
    assert chosen(tmp_path, selection) == ["a.md"] and selection.not_chosen == 3
    assert chosen(tmp_path, Selection(include=["/sub/**"])) == ["sub/c.md", "sub/d.py"]
    with pytest.raises(InputError, match="--include"):
        chosen(tmp_path, Selection(include=["!"]))


def test_hidden_files_on_request_but_never_git(tmp_path):
    tree(tmp_path, ".env", ".config/a.md", ".git/config", "b.md", "node_modules/x.js")
    assert chosen(tmp_path) == ["b.md"]
    assert chosen(tmp_path, Selection(hidden=True)) == [".env", "b.md", ".config/a.md"]
