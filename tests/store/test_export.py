"""Export and import: what goes out comes in again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.store.exchange.export import documents, export_file, export_jsonl, import_file
from codomain.store.sources.file_sync import index_files

ITEMS = [
    {
        "id": "a",
        "text": "red fox",
        "title": "Fox",
        "metadata": {"year": 2020, "tags": ["x", "y"], "deep.name": "é", "no": None},
    },
    {"id": "b/ü", "text": "blue\nwhale\t", "metadata": {"draft": True, "metadata": "odd"}},
    {"id": "3", "text": "1e5"},
]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_round_trip_keeps_every_field(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    with cd.create(tmp_path / "one", "bm25()") as one, cd.create(tmp_path / "two", "bm25()") as two:
        one.add(ITEMS)
        assert export_file(one, path) == 3
        assert import_file(two, path).added == 3
        assert list(documents(two)) == list(documents(one))
        assert import_file(two, path).unchanged == 3


def test_only_what_a_filter_matches(tmp_path: Path) -> None:
    with cd.create(tmp_path / "one", "bm25()") as one:
        one.add(ITEMS)
        out = io.StringIO()
        assert export_jsonl(one, out, where="year = 2020") == 1
        assert json.loads(out.getvalue())["id"] == "a"


def test_another_suffix_is_refused_and_an_old_file_stays(tmp_path: Path) -> None:
    with cd.create(tmp_path / "one", "bm25()") as one:
        with pytest.raises(InputError, match=r"\.jsonl or \.parquet"):
            export_file(one, tmp_path / "x.xlsx")
        (tmp_path / "x.jsonl").write_text("mine")
        with pytest.raises(cd.CodomainError):
            export_file(one, tmp_path / "x.jsonl", where="(")
        assert (tmp_path / "x.jsonl").read_text() == "mine" and len(list(tmp_path.iterdir())) == 2


def test_a_collection_may_be_changed_while_its_documents_are_read(tmp_path: Path) -> None:
    with cd.create(tmp_path / "one", "bm25()") as one:
        one.add(ITEMS)
        seen = []
        for document in documents(one):
            seen.append(document["id"])
            one.add([{"id": document["id"] + " again", "text": document["text"]}, {"id": "3", "text": "changed"}])
        assert seen == ["a", "b/ü", "3"] and len(one) == 6


def pieces(collection: cd.Collection) -> list[tuple[object, ...]]:
    return collection.backend.db.execute(
        "SELECT d.key, d.text, d.metadata, c.start, c.stop, c.headings "
        "FROM chunks c JOIN documents d ON d.id = c.document ORDER BY d.key, c.start"
    ).fetchall()


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_documents_of_files_come_back_with_their_chunks(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    words = "Run make with care, then wait. " * 30
    (folder / "guide.md").write_text(f"# Guide\n\n{words}\n\n## Install\n\n### Linux\n\n{words}")
    (folder / "plain.txt").write_text(f"# Guide\n\n{words}\n\n## Install\n\n{words}")
    (folder / "rows.csv").write_text("id,text,type,name\n1,# A heading,markdown,2\n")
    settings = {"chunk_size": 32, "overlap": 0}
    before = None
    for number in range(3):  # out and in, and out and in again
        with cd.create(tmp_path / str(number), "bm25()", **settings) as collection:
            if number == 0:
                index_files(collection, [folder])
            else:
                import_file(collection, tmp_path / f"{number - 1}{suffix}")
            export_file(collection, tmp_path / f"{number}{suffix}")
            assert before is None or pieces(collection) == before
            before = pieces(collection)
    assert before is not None and any(row[-1] == '["Guide", "Install", "Linux"]' for row in before)
    assert {row[0]: row[-1] for row in before}[str(folder / "plain.txt")] is None


GOOD = {"id": "1", "title": None, "text": "t", "metadata": {}, "source": None, "markdown": False}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.md", "# Words"),
        ("a.csv", "id,text\n1,a\n"),
        ("a.jsonl", '{"id": "1", "text": "a"}'),
        ("a.jsonl", "not json"),
        ("a.jsonl", "[1]"),
        *(
            ("a.jsonl", json.dumps({**GOOD, name: wrong}))
            for name, wrong in [
                ("metadata", []),
                ("metadata", "{}"),
                ("id", 1),
                ("text", ""),
                ("text", None),
                ("title", 1),
                ("source", 1),
                ("markdown", "yes"),
            ]
        ),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with cd.create(tmp_path / "one", "bm25()") as one:
        with pytest.raises(InputError, match="is not an export of codomain"):
            import_file(one, tmp_path / name)
        assert len(one) == 0
        (tmp_path / "good.jsonl").write_text(json.dumps(GOOD))
        assert import_file(one, tmp_path / "good.jsonl").added == 1
