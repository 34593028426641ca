"""Reading: what comes out of each kind of file, and one sentence for each thing that can be wrong with it."""

import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
import zipfile

import pytest

from codomain.errors import InputError, MissingExtra
from codomain.read import expand, fingerprint, records


def write(path, text, encoding="utf-8"):
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def read(path, **options):
    bad = []
    paths = path if isinstance(path, list) else [path]
    return list(records(paths, on_bad=bad.append, **options)), bad


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.ndjson"])
def test_json_lines(tmp_path, name):
    text = '{"_id": "x", "title": "T", "text": "Body", "year": 2020, "by": {"name": "Ada"}, "tags": ["a", "b"]}\n\n'
    write(tmp_path / name, gzip.compress(text.encode()) if name.endswith("gz") else text)
    (record,), bad = read(tmp_path / name)
    assert (record.id, record.title, record.text) == ("x", "T", "Body")
    assert record.metadata == {"year": 2020, "by.name": "Ada", "tags": ["a", "b"]}
    assert not bad


def test_csv_cells_become_numbers_and_quoted_lines_stay_one_row(tmp_path):
    path = write(tmp_path / "a.csv", 'id,text,year,zip,price\n1,"two\nlines",2020,007,3.5\n2,b,,,\n')
    found, _ = read(path)
    assert [r.text for r in found] == ["two\nlines", "b"]
    assert found[0].metadata == {"year": 2020, "zip": "007", "price": 3.5}
    assert found[1].metadata == {"year": None, "zip": None, "price": None}


def test_tsv_and_named_fields(tmp_path):
    path = write(tmp_path / "a.tsv", "key\twords\thead\nk1\thello\tH\n")
    (record,), _ = read(path, text_field="words", id_field="key", title_field="head")
    assert (record.id, record.text, record.title, record.metadata) == ("k1", "hello", "H", {})


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.table({"id": [1, 2], "text": ["a", "b"], "score": [0.5, float("nan")], "tags": [["x"], []]})
    pq.write_table(table, tmp_path / "a.parquet")
    found, _ = read(tmp_path / "a.parquet")
    assert [(r.id, r.metadata) for r in found] == [
        ("1", {"score": 0.5, "tags": ["x"]}),
        ("2", {"score": None, "tags": []}),
    ]
    write(tmp_path / "b.parquet", "no parquet")
    with pytest.raises(InputError, match="is not a Parquet file"):
        read(tmp_path / "b.parquet")


@pytest.mark.parametrize(
    ("text", "expected"), [('{"text": "a", "n": 1}\n', [("a", {"n": 1})]), ("a\n\nb\n", [("a", {}), ("b", {})])]
)
def test_standard_input_is_json_lines_or_plain_lines(monkeypatch, text, expected):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    found, _ = read("-")
    assert [(r.text, r.metadata) for r in found] == expected


def test_rows_without_an_id_get_the_same_one_in_every_run(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "one"}\n{"text": "two"}\n{"text": "one"}\n')
    found, bad = read(path)
    assert [r.id for r in found] == [r.id for r in read(path)[0]]
    assert len({r.id for r in found}) == 2
    assert [(b.kind, b.line) for b in bad] == [("duplicate", 3)]


def test_a_folder_in_order_without_hidden_and_binary_files(tmp_path):
    for name in ["b.md", "a.txt", "sub/c.py", ".hidden.txt", ".git/x.txt", "node_modules/y.js", "sub/.venv/z.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, "# Title\n\ntext\n")
    write(tmp_path / "picture.png", b"\x89PNG\0\0\0")
    write(tmp_path / "archive.tar.gz", gzip.compress(b"tar\0\0"))
    write(tmp_path / "empty.md", " \n")
    found, bad = read(tmp_path)
    assert [os.path.relpath(r.source, tmp_path) for r in found] == ["a.txt", "b.md", "sub/c.py"]
    assert [r.title for r in found] == [None, "Title", None]
    assert sorted(b.kind for b in bad) == ["binary", "binary", "empty"]
    assert [r.id for r in read(tmp_path / "b.md")[0]] == [found[1].id]


def test_a_table_without_text_inside_a_folder_is_passed_over(tmp_path):
    write(tmp_path / "numbers.csv", "a,b\n1,2\n")
    write(tmp_path / "words.csv", "text,b\nhello,2\n")
    found, bad = read(tmp_path)
    assert [r.text for r in found] == ["hello"]
    assert [b.kind for b in bad] == ["no text"]


def test_html_keeps_headings_and_drops_scripts(tmp_path):
    pytest.importorskip("lxml")
    page = "<html><head><title>Page</title><script>x()</script></head><body><h2>Head</h2><p>One <b>two</b>.</p><p>Three</p></body>"
    (record,), _ = read(write(tmp_path / "a.html", page))
    assert (record.title, record.text) == ("Page", "## Head\n\nOne two.\n\nThree")


def test_word(tmp_path):
    docx = pytest.importorskip("docx")
    word = docx.Document()
    word.add_heading("Head", 1)
    word.add_paragraph("Body text")
    word.save(tmp_path / "a.docx")
    (record,), _ = read(tmp_path / "a.docx")
    assert record.text == "# Head\n\nBody text"
    with pytest.raises(InputError, match="not a Word document"):
        read(write(tmp_path / "b.docx", "zip?"))


def test_pdf(tmp_path):
    pytest.importorskip("pypdfium2")
    stream = b"BT /F1 12 Tf 20 100 Td (Hello from a page) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj%sendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(out),
    )
    (record,), _ = read(write(tmp_path / "a.pdf", out))
    assert record.text.strip() == "Hello from a page"
    with pytest.raises(InputError, match="not a PDF"):
        read(write(tmp_path / "b.pdf", "no pdf at all"))


PACKAGES = {
    "a.pdf": ("pypdfium2", "files"),
    "a.docx": ("docx", "files"),
    "a.pptx": ("pptx", "files"),
    "a.xlsx": ("openpyxl", "files"),
    "a.html": ("lxml", "files"),
    "a.rtf": ("striprtf.striprtf", "files"),
    "a.md.zst": ("backports", "files"),
    "a.parquet": ("pyarrow.parquet", "parquet"),
    "a.arrow": ("pyarrow", "parquet"),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_named(tmp_path, monkeypatch, name):
    package, extra = PACKAGES[name]
    monkeypatch.setitem(sys.modules, package, None)
    content = {"a.rtf": b"{\\rtf1 x}", "a.arrow": b"ARROW1"}.get(name, b"<p>x</p>")
    if name in ("a.docx", "a.pptx", "a.xlsx"):
        packed = io.BytesIO()
        zipfile.ZipFile(packed, "w").close()
        content = packed.getvalue()
    path = write(tmp_path / name, content)
    with pytest.raises(MissingExtra, match=rf"pip install 'codomain\[{extra}\]'"):
        read(path)
    assert [b.kind for b in read(tmp_path)[1]] == ["unreadable"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.jsonl", '{"text": "a"}\n{"text": \n', "line 2: is not JSON"),
        ("a.jsonl", "[1]\n", "line 1: holds a JSON list"),
        ("a.jsonl", '{"text": "a", "x": NaN}\n', "line 1: .*NaN"),
        ("a.jsonl", '{"text": "a", "x": 1e999}\n', "line 1: .*inf"),
        ("a.jsonl", '{"text": 5}\n', 'line 1: has int in "text"'),
        ("a.jsonl", '{"words": "a"}\n', "line 1: has none of the fields .* --text-field"),
        ("a.jsonl", '{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}\n', 'line 2: has the id "1" of line 1 again'),
        ("a.jsonl", '{"id": 1.5, "text": "a"}\n', "line 1: has an id"),
        ("a.jsonl", '{"text": "a", "x": ' + "[" * 100_000 + "\n", "line 1: is not JSON"),
        ("a.csv", "text,b\n1,2,3\n", "line 2: has 3 cells"),
        ("a.csv", "a,b\n1,2\n", "line 2: has none of the fields"),
        ("a.csv", "text,text\n1,2\n", 'line 1: names two columns "text"'),
        ("a.txt", b"PNG\0\1", "a.txt is a binary file"),
        ("a.jsonl", b"PNG\0\1", "a.jsonl is a binary file"),
        ("a.jsonl.gz", b"no gzip", "cannot be unpacked"),
        ("a.jsonl.gz", gzip.compress(b"text", mtime=0)[:12], "cannot be unpacked"),
    ],
)
def test_each_fault_is_one_sentence_and_can_be_passed_over(tmp_path, name, content, sentence):
    path = write(tmp_path / name, content)
    with pytest.raises(InputError, match=sentence) as error:
        read(path)
    assert str(path) in str(error.value) and str(error.value).endswith(".") and "\n" not in str(error.value)
    _, bad = read(path, skip_bad=True)
    assert len(bad) == 1


def test_skipping_a_bad_line_keeps_the_others(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\nnot json\n{"text": ""}\n{"text": "c"}\n')
    found, bad = read(path, skip_bad=True)
    assert [r.text for r in found] == ["a", "c"]
    assert [(b.kind, b.line) for b in bad] == [("broken", 2), ("empty", 3)]


def test_missing_and_forbidden_files(tmp_path):
    with pytest.raises(InputError, match=r"gone.txt does not exist\."):
        read(tmp_path / "gone.txt")
    with pytest.raises(InputError, match="no input format"):
        read(tmp_path, format="nonsense")
    path = write(tmp_path / "locked.txt", "x")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(InputError, match="permission denied"):
        read(path)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_encodings(tmp_path, name):
    text = "text: caf\u00e9" if name == "a.txt" else '{"text": "caf\u00e9"}\n'
    for encoding, kinds in [("utf-8", []), ("utf-8-sig", []), ("utf-16", []), ("latin-1", ["encoding"])]:
        (record,), bad = read(write(tmp_path / name, text, encoding))
        assert record.text.endswith("caf\u00e9") and [b.kind for b in bad] == kinds


def test_text_that_no_database_takes_is_mended(tmp_path):
    (record,), _ = read(write(tmp_path / "a.jsonl", r'{"text": "a\u0000b\ud800", "x": "\udfff"}'))
    assert record.text == "a b?" and record.metadata == {"x": "?"}


def test_an_empty_file_is_reported(tmp_path):
    for name in ["a.jsonl", "a.csv", "a.txt"]:
        found, bad = read(write(tmp_path / name, ""))
        assert not found and [b.kind for b in bad] == ["empty"]


def test_one_long_line_and_many_lines_need_little_memory(tmp_path):
    long = write(tmp_path / "long.jsonl", json.dumps({"text": "word " * 2_000_000}))
    assert len(read(long)[0][0].text) == 10_000_000
    with open(tmp_path / "many.jsonl", "w") as file:
        for i in range(30_000):
            file.write(json.dumps({"id": i, "text": f"document {i} " + "word " * 40}) + "\n")
    tracemalloc.start()
    assert sum(1 for _ in records([tmp_path / "many.jsonl"])) == 30_000
    assert tracemalloc.get_traced_memory()[1] < 5_000_000  # the file is 7 MB, the hashes of its ids 3 MB
    tracemalloc.stop()


def test_a_fingerprint_changes_with_the_file(tmp_path):
    path = write(tmp_path / "a.txt", "one")
    before = fingerprint(path)
    assert before == fingerprint(path)
    write(path, "three")
    assert before != fingerprint(path)
    assert before.sha256() == fingerprint(path).sha256()
    path.unlink()
    assert list(expand([tmp_path])) == []
    with pytest.raises(InputError, match="does not exist"):
        before.sha256()


def test_expand_gives_what_records_can_take(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.txt", name)
    files = list(expand([tmp_path, tmp_path / "a.txt"]))
    assert len(files) == 2
    assert [r.text for r in records(files[1:])] == ["b"]


def test_reading_imports_nothing_heavy():
    code = "import sys, codomain.read; print([m for m in ('torch', 'sklearn', 'scipy', 'pandas', 'pyarrow', 'lxml', 'pathspec') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_table_of_broken_lines_is_told_of_in_little_memory(tmp_path):
    (tmp_path / "f").mkdir()
    lines = "broken\n" * 5_000 + '{"text": "a"}\n' + '{"text": ""}\n' * 3_000
    write(tmp_path / "f" / "a.jsonl", lines)
    found, bad = read(tmp_path / "f")
    assert [r.text for r in found] == ["a"] and len(bad) == 2_002
    assert [b.reason for b in bad if not b.line] == [
        "has 4,000 more lines of the kind broken",
        "has 2,000 more lines of the kind empty",
    ]
