"""The page of a map: what is in it, and what a browser (Debian's Chromium, by Playwright) makes of it."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import codomain as cd
from codomain.cli.app import app
from codomain.errors import InputError, MissingExtra, PipelineError
from codomain.maps import page
from codomain.maps.packing import Packer, along_curve, fitting_length, shortened, unpacked

CHROMIUM = shutil.which("chromium")
HOSTILE = "</script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\"> \u2028 ' \" & <!-- fox"
KINDS = ("animal", "drink", "machine")
SUBJECTS = ("a red fox in the forest", "white wine from a cellar", "an engine with a piston")


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("map")
    documents = [
        {"id": f"d{i}", "title": f"{SUBJECTS[i % 3]} {i}", "text": f"{SUBJECTS[i % 3]}, number {i}",
         "metadata": {"kind": KINDS[i % 3], "year": 2000 + i % 7, "url": "https://example.org/" + str(i)}}
        for i in range(90)
    ]  # fmt: skip
    documents.append({"id": "h'\"<b>", "title": HOSTILE, "text": HOSTILE, "metadata": {"kind": HOSTILE, "year": 2003, "url": "javascript:alert(1)"}})  # fmt: skip
    with cd.create(folder / "notes", "static() >> flat()") as collection:
        collection.add(documents)
        yield collection


@pytest.fixture(scope="module")
def drawn(notes: Any) -> Any:
    return cd.build_map(notes, title="<i>Notes</i> & more")


def test_a_map_knows_its_documents_and_fields(drawn: Any) -> None:
    assert len(drawn) == 91 and drawn.ids[3] == "d3" and drawn.places.shape == (91, 2)
    assert [(field.name, field.kind) for field in drawn.fields] == [("kind", "category"), ("year", "number")]
    words = {label.words[0] for label in drawn.labels}
    assert words & {"fox", "forest", "red"} and words & {"wine", "cellar", "white"}


def test_what_is_packed_is_what_the_map_holds(drawn: Any) -> None:
    found = unpacked(drawn.pack())
    order = [drawn.ids.index(id) for id in found["ids"]]
    assert sorted(order) == list(range(91)) and found["title"] == "<i>Notes</i> & more"
    assert np.array_equal(found["x"], drawn.box.steps(drawn.places)[order, 0])
    assert [found["titles"][0]] == [drawn.documents.titles[order[0]][:90]]
    kind = found["fields"][0]["values"]
    assert [kind[code] for code in found["field0"]] == [drawn.documents.metadata[row]["kind"][:80] for row in order]
    assert found["field1"].tolist() == [drawn.documents.metadata[row]["year"] for row in order]
    codes = found["neighbor0"].astype(int)
    near = np.arange(91) + np.where(codes % 2, -(codes + 1) // 2, codes // 2)
    assert [order[place] for place in near] == drawn.projection.neighbors[order, 0].tolist()
    assert found["links"][order.index(5)] == "https://example.org/5" and found["links"][order.index(90)] == ""


def test_nothing_of_a_text_is_markup(drawn: Any) -> None:
    html = drawn.html()
    assert "onerror" not in html and "broken" not in html and "\u2028" not in html.split("<script>")[0]
    assert html.count("</script>") == 2 and "&lt;i&gt;Notes&lt;/i&gt; &amp; more" in html
    assert not re.search(r"(src|href)=\"?(?!data:,)\w", html.split("<script>")[0])  # no other address
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]  # type: ignore[index]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy


@pytest.mark.parametrize("name", page.PARTS)
def test_no_part_of_the_page_ends_its_element(name: str) -> None:
    assert not re.search(r"</(script|style)|<!--", page.part(name)) and "{{" not in page.part(name)


def test_texts_get_shorter_until_the_page_is_small_enough(drawn: Any) -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(map(chr, rng.integers(97, 123, 300))) for _ in range(2_000)]
    lengths = [fitting_length(texts, room) for room in (10**9, 150_000, 60_000, 10)]
    assert lengths[0] == 280 > lengths[1] > lengths[2] > lengths[3] == 0
    small = drawn.pack(page.overhead() + 1_000)
    assert unpacked(small)["characters"] == 0 and unpacked(drawn.pack())["characters"] == 280


def test_arrays_come_back_in_every_form() -> None:
    rng = np.random.default_rng(1)
    packer, arrays = Packer(), {}
    for form in ("plain", "planes", "delta"):
        for dtype in ("uint8", "uint16", "uint32"):
            arrays[f"{form} {dtype}"] = rng.integers(0, np.iinfo(dtype).max, 50, dtype)
            packer.add(f"{form} {dtype}", arrays[f"{form} {dtype}"], form)
    assert packer.size() > 0
    found = unpacked(packer.finish({}))
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def test_neighbors_on_the_map_are_near_along_the_curve() -> None:
    steps = np.stack(np.meshgrid(np.arange(16), np.arange(16), indexing="ij"), -1).reshape(-1, 2).astype(np.uint16)
    slow = sorted(range(256), key=lambda i: sum((int(steps[i, axis]) >> bit & 1) << 2 * bit + axis for bit in range(16) for axis in (0, 1)))  # fmt: skip
    assert along_curve(steps).tolist() == slow


@pytest.mark.parametrize("text", ["", "a", "a b " * 400, "x" * 400, "\n\n a\tb \u00a0c", "字" * 300])
def test_a_shortened_text_is_one_line_of_at_most_its_length(text: str) -> None:
    for length in (0, 20, 280):
        found = shortened(text, length)
        assert len(found) <= length + 1 and "\n" not in found
        assert found.endswith("…") or found == " ".join(text.split()) or not length


def test_the_command_writes_a_page_and_says_what_is_left_out(notes: Any, tmp_path: Path) -> None:
    run = CliRunner().invoke
    notes.add(
        [{"id": "copy", "text": SUBJECTS[0] + ", number 0", "title": SUBJECTS[0] + " 0", "metadata": {"rare": 1}}]
    )
    try:
        result = run(app, ["map", str(notes.folder), "--html", str(tmp_path / "m.html"), "--json", "-f", "kind"])
        facts = json.loads(result.stdout)
        assert facts["documents"] == 92 and facts["fields"] == ["kind"]
        assert facts["notes"] == ["1 documents have the vector of another one and lie beside it."]
        assert run(app, ["map", str(notes.folder), "--html", str(tmp_path / "m.html"), "--where", 'kind == "drink"']).exit_code == 0  # fmt: skip
        assert (tmp_path / "m.html").read_text().startswith("<!doctype html>" + page.MARK)
    finally:
        notes.delete("copy")


def test_no_other_file_is_written_over(drawn: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.html").write_text("mine")
    for path in (tmp_path / "mine.html", tmp_path, tmp_path / "none" / "map.html"):
        with pytest.raises(InputError, match=r"name (another|a) file"):
            drawn.write(path)
    assert (tmp_path / "mine.html").read_text() == "mine"


def test_what_cannot_be_drawn_is_a_sentence(notes: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no documents that match"):
        cd.build_map(notes, where="year > 3000")
    with pytest.raises(InputError, match="no document has the field"):
        cd.build_map(notes, fields=["nothing"])
    with cd.create(tmp_path / "words", "bm25()") as words:
        with pytest.raises(InputError, match="has no documents"):
            cd.build_map(words)
        words.add(["a fox"])
        with pytest.raises(PipelineError, match="no encoder of dense vectors"):
            cd.build_map(words)


def test_a_document_of_several_chunks_has_the_mean_of_their_vectors(tmp_path: Path) -> None:
    with cd.create(tmp_path / "long", "static() >> flat()") as long:
        long.add(["\n\n".join(f"{subject}. " * 60 for subject in SUBJECTS), "a fox", "wine"])
        long.namespace("other").add(["an engine"])
        documents = cd.build_map(long).documents
        vectors = long.get(documents.ids[0], ["vector"])["vector"]
        assert len(vectors) > 1
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        assert len(documents) == len(long) and np.allclose(documents.vectors[0], units.mean(axis=0), atol=1e-6)
        assert np.allclose(documents.vectors[1], long.get(documents.ids[1], ["vector"])["vector"])
        assert cd.build_map(long, namespace="other").documents.texts == ["an engine"]


def test_fields_of_lists_stay_with_their_documents_where_some_have_no_place(tmp_path: Path) -> None:
    tags = ["wine", "fox", "engine"]
    with cd.create(tmp_path / "tags", "static() >> flat()") as notes:
        notes.add(
            {"id": f"d{i}", "text": "\u2603" if i in (3, 8) else f"{SUBJECTS[i % 3]}, number {i}", "metadata": {"tags": tags[: i % 4], "n": i}}
            for i in range(20)
        )  # fmt: skip
        drawn = cd.build_map(notes)
    assert drawn.notes == ["2 documents have no vector, so they have no place."]
    found = unpacked(drawn.pack())
    field = next(k for k, one in enumerate(found["fields"]) if one["name"] == "tags")
    codes, values = iter(found[f"field{field}"].tolist()), found["fields"][field]["values"]
    held = {
        id: [values[next(codes)] for _ in range(n)] for id, n in zip(found["ids"], found[f"many{field}"], strict=True)
    }
    assert held == {f"d{i}": tags[: i % 4] for i in range(20) if i not in (3, 8)}
    number = next(k for k, one in enumerate(found["fields"]) if one["name"] == "n")
    assert found[f"field{number}"].tolist() == [int(id[1:]) for id in found["ids"]]


def test_of_too_many_documents_a_sample_is_drawn(notes: Any) -> None:
    found = cd.build_map(notes, most=20, seed=1)
    assert len(found) == 20 and found.notes[0] == "A sample: 71 more documents are not on the map."
    assert found.ids != cd.build_map(notes, most=20, seed=2).ids


def test_embedding_atlas_is_given_places_neighbors_and_labels(drawn: Any, monkeypatch: Any, tmp_path: Path) -> None:
    """Its entry points as they are in its wheel 0.26.0, made here."""
    pytest.importorskip("pandas")
    given: dict[str, Any] = {}

    class DataSource:
        def __init__(self, identifier: str, dataset: Any, metadata: dict[str, Any]) -> None:
            given.update(dataset=dataset, props=metadata["props"])

        def export_to_folder(self, static_path: str, folder_path: str) -> None:
            given.update(static=static_path)
            Path(folder_path).mkdir()

    package, source, options = (ModuleType(f"embedding_atlas{part}") for part in ("", ".data_source", ".options"))
    package.__file__ = "/somewhere/embedding_atlas/__init__.py"
    source.DataSource = DataSource  # type: ignore[attr-defined]
    options.make_embedding_atlas_props = lambda **props: props  # type: ignore[attr-defined]
    for module in (package, source, options):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert drawn.write_atlas(tmp_path / "atlas") == tmp_path / "atlas"
    table = given["dataset"]
    assert given["static"] == "/somewhere/embedding_atlas/static" and len(table) == 91
    assert given["props"]["row_id"] == "__row_index__" and given["props"]["labels"][0].keys() == {"x", "y", "text", "level", "priority"}  # fmt: skip
    near = table["neighbors"][4]
    assert near["ids"] == drawn.projection.neighbors[4].tolist() and near["distances"] == sorted(near["distances"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        drawn.write_atlas(tmp_path / "full")
    monkeypatch.setitem(sys.modules, "embedding_atlas", None)
    with pytest.raises(MissingExtra, match=r"codomain\[atlas\]"):
        drawn.write_atlas(tmp_path / "b")


def test_a_browser_draws_searches_filters_and_shows(drawn: Any, tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium here (Debian: apt-get install chromium)")
    path = drawn.write(tmp_path / "map.html")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1200, "height": 800})
        complaints: list[str] = []
        opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else complaints.append(asked.url))  # fmt: skip
        opened.add_init_script("HTMLCanvasElement.prototype.getContext = ((get) => function (kind, ...rest) { return location.hash === '#plain' && kind === 'webgl' ? null : get.call(this, kind, ...rest); })(HTMLCanvasElement.prototype.getContext)")  # fmt: skip

        def painted() -> int:
            """Colors on the canvas of points."""
            return len(set(opened.locator("#points").evaluate("(c) => { const d = document.createElement('canvas'); [d.width, d.height] = [c.width, c.height]; const x = d.getContext('2d'); x.drawImage(c, 0, 0); return Array.from(new Uint32Array(x.getImageData(0, 0, d.width, d.height).data.buffer)).filter((v) => v); }")))  # fmt: skip

        for engine, where in (("canvas", "#plain"), ("", "")):  # without WebGL first: a hash alone loads nothing anew
            opened.goto(f"{path.as_uri()}{where}")
            opened.reload()
            opened.wait_for_selector("body[data-ready]", state="attached")
            opened.wait_for_selector("body[data-labels]:not([data-labels='0'])", state="attached")
            assert not engine or opened.evaluate("document.body.dataset.engine") == engine
            assert painted() > 3
        count = opened.locator("#count")
        assert count.inner_text() == "91 documents" and opened.title() == "<i>Notes</i> & more: a map"
        # as it lies in the page, a point is where the map has it
        order = [drawn.ids.index(id) for id in opened.evaluate("map.ids")]
        for column, found in enumerate(opened.evaluate("map.neighbors.map((one) => Array.from(one))")):
            assert [order[place] for place in found] == drawn.projection.neighbors[order, column].tolist()
        steps = drawn.box.steps(drawn.places)[7]
        x, y = opened.evaluate("(s) => [(s[0] - view.x) * view.scale + view.width / 2, (s[1] - view.y) * view.scale + view.height / 2]", steps.tolist())  # fmt: skip
        opened.mouse.move(x, y)
        assert opened.locator("#tip").inner_text().startswith(drawn.documents.titles[7])
        opened.mouse.click(x, y)
        card = opened.locator("#card")
        assert card.locator("h2").inner_text() == drawn.documents.titles[7]
        assert card.locator("a").get_attribute("href") == "https://example.org/7"
        nearest = [drawn.documents.titles[i] for i in drawn.projection.neighbors[7, :4]]
        assert card.locator(".near button").all_inner_texts() == nearest
        opened.keyboard.press("Escape")
        assert card.is_hidden()
        opened.keyboard.press("/")
        opened.keyboard.type("ENGINE 1")
        opened.wait_for_selector("#results button")
        held = [title for title in drawn.documents.titles if "engine" in title and "1" in title]
        assert count.inner_text() == f"{len(held)} of 91 documents"
        opened.fill("#query", "<!-- fox")
        opened.wait_for_selector("#count:text-is('1 of 91 documents')")
        opened.keyboard.press("Enter")
        assert card.locator("h2").inner_text().startswith("</script><script>") and card.locator("a").count() == 0
        opened.keyboard.press("Escape")
        opened.keyboard.press("Escape")
        opened.locator("#legend .value", has_text="drink").click()
        opened.wait_for_selector("#count:text-is('30 of 91 documents')")
        opened.locator("#from").fill("120")
        years = sum(row["year"] >= 2003 and row["kind"] == "drink" for row in drawn.documents.metadata)
        assert count.inner_text() == f"{years} of 91 documents"
        before = opened.evaluate("view.scale")
        opened.locator("#stage").focus()
        opened.keyboard.press("+")
        assert opened.evaluate("view.scale") > before
        opened.keyboard.press("t")
        assert opened.evaluate("document.documentElement.dataset.theme") == "dark"
        opened.set_viewport_size({"width": 390, "height": 780})
        assert opened.evaluate("document.documentElement.scrollWidth") <= 390
        assert "Do not trust distances" in opened.locator("#trust").inner_text()
        browser.close()
    assert not complaints
