"""Documents counted, listed, sorted, counted by a field and updated, against a plain list of dicts."""

import datetime as dt
import random
from pathlib import Path

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.store.exchange.export import documents as exported

WORDS = ["amber", "bridge", "candle", "dragon", "ember", "forest", "garden", "harbor", "island", "jungle"]


def made_up(n: int) -> list[dict]:
    draw = random.Random(7)
    documents = []
    for i in range(n):
        fields = {"n": draw.randrange(5), "tags": draw.sample(WORDS, 2), "day": f"2024-0{draw.randrange(1, 9)}-01"}
        if draw.random() < 0.3:
            del fields["n"]
        documents.append({"id": f"d{i}", "text": f"word {draw.choice(WORDS)}", "title": f"T{i}", "metadata": fields})
    return documents


@pytest.fixture
def notes(tmp_path: Path):
    documents = made_up(60)
    with cd.create(tmp_path / "c", "fuse(static() >> flat(), bm25())") as c:
        c.add(documents[:40])
        c.reindex()
        c.add(documents[40:])
        yield c, documents


def test_documents_are_counted_and_listed_as_filtered(notes):
    c, documents = notes
    few = [d["id"] for d in documents if d["metadata"].get("n") == 3]
    assert c.count() == 60 and c.count("n == 3") == len(few) > 3
    assert c.ids("n == 3") == few and c.ids() == [d["id"] for d in documents]
    assert [d["id"] for d in c] == c.ids()
    first = next(iter(c))
    assert first == {**documents[0], "source": None}


@pytest.mark.parametrize("sort", ["n", "-n", "day", "-day", "tags", "_title", "-_id"])
def test_documents_are_sorted_and_cut_like_a_plain_list(notes, sort):
    c, documents = notes
    field = sort.removeprefix("-")

    def value(d):
        own = {"_title": d["title"], "_id": d["id"]}
        found = own.get(field, d["metadata"].get(field))
        return found[0] if isinstance(found, list) else found

    having = [d for d in documents if value(d) is not None]
    having.sort(key=value, reverse=sort.startswith("-"))
    expected = [d["id"] for d in having + [d for d in documents if value(d) is None]]
    # Python keeps the order of equals where it reverses, as the list does
    assert [d["id"] for d in c.documents(sort=sort)] == expected
    assert [d["id"] for d in c.documents(sort=sort, offset=7, limit=9)] == expected[7:16]


def test_values_of_all_kinds_have_one_order(tmp_path):
    values = [True, False, 2, 1.5, -3, "b", "a", "2024-05-01", "2024-04-30T23:30:00-01:00", "2023-01-01", "é", None]
    with cd.create(tmp_path / "c", "bm25()") as c:
        c.add([{"id": str(i), "text": "word", "metadata": {"v": value}} for i, value in enumerate(values)])
        listed = [values[int(d["id"])] for d in c.documents(sort="v")]
        hits = [hit.metadata["v"] for hit in c.search("word", k=20, sort="v")]
        distinct = c.distinct("v")
    expected = [False, True, -3, 1.5, 2, "2023-01-01", "2024-05-01", "2024-04-30T23:30:00-01:00", "a", "b", "é", None]
    assert list(map(repr, listed)) == list(map(repr, hits)) == list(map(repr, expected))
    assert list(map(repr, distinct)) == list(map(repr, expected[:-1]))


def test_facets_count_documents_by_value_and_member(notes):
    c, documents = notes
    for field in ("n", "tags", "day"):
        counts: dict = {}
        for d in documents:
            found = d["metadata"].get(field, [])
            for value in found if isinstance(found, list) else [found]:
                counts[value] = counts.get(value, 0) + 1
        facets = c.facets(field)
        assert dict(facets) == counts
        assert [n for _, n in facets] == sorted(counts.values(), reverse=True)
        assert c.distinct(field) == sorted(counts)
    assert c.facets("n", "day == '2024-03-01'") == c.facets("n", {"day": dt.date(2024, 3, 1)})
    assert c.facets("nothing") == []


def test_a_page_of_hits_is_a_part_of_the_whole_list(notes):
    c, _ = notes
    whole = [hit.id for hit in c.search("word amber", k=30)]
    assert [hit.id for hit in c.search("word amber", k=10, offset=10)] == whole[10:20]
    assert [hit.id for hit in c.search("word amber", k=10, offset=55)] == [h.id for h in c.search("word amber", k=60)][
        55:
    ]
    assert c.search("word amber", k=10, offset=500) == []


def test_hits_are_cut_by_score_and_sorted_by_a_field(notes):
    c, _ = notes
    hits = c.search("word amber", k=60)
    middle = hits[20].score
    assert [h.id for h in c.search("word amber", k=60, min_score=middle)] == [h.id for h in hits if h.score >= middle]
    by_day = c.search("word amber", k=20, sort="-day")
    assert {h.id for h in by_day} == {h.id for h in hits[:20]}
    days = [h.metadata["day"] for h in by_day]
    assert days == sorted(days, reverse=True)


def test_similarity_is_the_cosine_of_the_dense_branch(notes):
    c, _ = notes
    encoder = cd.static()
    (query,) = encoder.encode_queries(["word amber"])
    hits = c.search("word amber", k=60)
    for hit in hits[:20]:
        (own,) = encoder.encode_documents([f"{hit.title}\n{hit.text}"])
        assert hit.similarity == pytest.approx(float(query @ own), abs=1e-5)
        assert hit.branches["static() >> flat()"][1] == hit.similarity
    kept = c.search("word amber", k=60, min_similarity=hits[5].similarity)
    assert {h.id for h in kept} == {
        h.id for h in hits if h.similarity is not None and h.similarity >= hits[5].similarity
    }


def test_context_is_the_text_around_the_chunk(tmp_path):
    text = "".join(f"Sentence number {i} about {WORDS[i % 10]}.\n\n" for i in range(200))
    with cd.create(tmp_path / "c", "bm25()", chunk_size=32, overlap=0) as c:
        c.add([{"id": "long", "text": text}])
        for hit in c.search("number 150", k=5, context=40):
            assert hit.context == text[max(hit.start - 40, 0) : hit.end + 40] and hit.text in hit.context
        (hit,) = c.search("number 0 amber", k=1, context=100_000)
        assert hit.context == text
        assert c.search("number 150")[0].context == ""


def test_a_source_gives_so_many_hits_at_most(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_text(
            "".join(f'{{"id": "{name}{i}", "text": "word {"amber " * (i + (name == "a") * 9)}"}}\n' for i in range(9))
        )
    with cd.create(tmp_path / "c", "bm25()") as c:
        from codomain.store.sources.file_sync import index_files

        index_files(c, [tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
        assert {hit.id[0] for hit in c.search("amber", k=4)} == {"a"}
        hits = c.search("amber", k=6, max_per_source=2)
        assert sorted(hit.id[0] for hit in hits) == ["a", "a", "b", "b"]
        best = [hit.id for hit in c.search("amber", k=18)]
        for name in "ab":
            assert [h.id for h in hits if h.id[0] == name] == [i for i in best if i[0] == name][:2]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"k": 0}, "k must be a whole number of 1"),
        ({"offset": -1}, "offset"),
        ({"context": 1.5}, "context"),
        ({"max_per_source": 0}, "max_per_source"),
        ({"min_score": "high"}, "min_score"),
        ({"min_similarity": float("nan")}, "min_similarity"),
        ({"sort": 'a"b'}, "no field name"),
        ({"vector": [1.0]}, "one of them"),
    ],
)
def test_what_cannot_be_wanted_is_one_sentence(notes, wrong, sentence):
    with pytest.raises(cd.CodomainError, match=sentence):
        notes[0].search("word", **wrong)


# --- updates ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch):
    from codomain.encode.text.static import StaticEncoder

    calls: list[int] = []
    encode = StaticEncoder.encode_documents

    def counting(self, texts, *arguments, **keywords):
        calls.append(len(texts))
        return encode(self, texts, *arguments, **keywords)

    monkeypatch.setattr(StaticEncoder, "encode_documents", counting)
    return calls


def test_other_metadata_encodes_nothing_and_filters_see_it_at_once(notes, counted):
    c, documents = notes
    with cd.open(c.folder) as other:  # which has read the columns before
        assert other.count("n == 77") == len(other.search("word", k=60, where="n == 77")) == 0
        counted.clear()
        report = c.add([{**documents[3], "metadata": {"n": 77}}, documents[4]])
        assert (report.updated, report.not_encoded, report.unchanged, report.chunks) == (1, 1, 1, 0)
        c.update("d5", {"n": 77, "author": {"name": "Ada"}, "tags": None})
        assert c.update_where("n == 77", {"seen": dt.date(2024, 5, 1)}) == 2
        assert counted == []
        for collection in (c, other):
            for where in ("n == 77", "seen == date('2024-05-01')", "n == 77 and day is null or author.name == 'Ada'"):
                assert {h.id for h in collection.search("word", k=60, where=where)} == {"d3", "d5"}
        assert c.get("d5")["metadata"] == {
            "n": 77, "day": documents[5]["metadata"]["day"], "author.name": "Ada", "seen": "2024-05-01"
        }  # fmt: skip
        assert c.reindex() is True and c.reindex() is False
        for collection in (c, other):
            assert {h.id for h in collection.search("word", k=60, where="n == 77")} == {"d3", "d5"}
    assert c.verify() == []


def test_columns_and_database_agree_after_many_updates(notes):
    c, documents = notes
    draw = random.Random(3)
    expected = {d["id"]: dict(d["metadata"]) for d in documents}
    for step in range(60):
        key = draw.choice(sorted(expected))
        n = draw.randrange(5)
        action = draw.randrange(6)
        if action == 0:
            c.delete([key])
            del expected[key]
        elif action == 1:
            c.reindex()
        elif action == 2:
            c.compact()
        elif action == 3:
            c.update_where(f"n == {n}", {"n": (n + 1) % 5})
            for fields in expected.values():
                if fields.get("n") == n:
                    fields["n"] = (n + 1) % 5
        else:
            c.update(key, {"n": n})
            expected[key]["n"] = n
        found = {h.id for h in c.search("word", k=60, where="n in [1, 2]")}
        assert found == {key for key, fields in expected.items() if fields.get("n") in (1, 2)}, step
    assert c.verify() == []


def test_another_text_is_encoded_and_keeps_the_rest(notes, counted):
    c, documents = notes
    c.update("d7", text="a completely other sentence about whales", title=None)
    assert sum(counted) == 1
    assert c.get("d7") == {
        "id": "d7", "text": "a completely other sentence about whales", "title": None,
        "metadata": documents[7]["metadata"],
    }  # fmt: skip
    assert c.search("whales", k=1)[0].id == "d7" and c.verify() == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nobody", {"a": 1}), "no document 'nobody'"),
        (("d1", {"a": object()}), "cannot be kept"),
        (("d1", {'a"b': 1}), "quote"),
        (("d1", ["a"]), "dict"),
        ((1.5, {"a": 1}), "neither a text nor a whole number"),
    ],
)
def test_an_update_that_cannot_be_is_one_sentence(notes, arguments, sentence):
    c, _ = notes
    before = list(c)
    with pytest.raises(cd.CodomainError, match=sentence):
        c.update(*arguments)
    for changes in ({"text": " "}, {"text": 7}, {"title": 7}):
        with pytest.raises(cd.CodomainError):
            c.update("d1", **changes)
    assert list(c) == before


def test_a_whole_number_is_an_id_everywhere(tmp_path):
    with cd.create(tmp_path / "c", "static() >> flat()") as c:
        c.add([{"id": 7, "text": "a red fox"}, {"id": np.int64(8), "text": "a blue whale"}, {"id": "9", "text": "x"}])
        assert c.get(7) == c.get("7") and c.get(np.int64(8))["text"] == "a blue whale" and c.get(1) is None
        c.feedback("whale", good=8, bad=[7])
        c.update(7, {"n": 1})
        assert {h.id for h in c.search(like=7)} == {"8", "9"}
        assert c.delete(7) == 1 and c.delete([9, "8"]) == 2 and len(c) == 0
        for wrong in (True, 1.5, None):
            with pytest.raises(InputError, match="id"):
                c.get(wrong)


# --- vectors ----------------------------------------------------------------------------------------------------------


def test_a_search_by_vector_is_a_search_by_its_text(notes):
    c, _ = notes
    (vector,) = cd.static().encode_queries(["word amber"])
    expected = [(h.id, h.similarity) for h in c.search("word amber", k=60)]
    found = c.search(vector=vector, k=60)
    assert {h.id: pytest.approx(h.score, abs=1e-6) for h in found} == dict(expected)
    for wrong in (vector[:5], np.full_like(vector, np.nan), [["x"]]):
        with pytest.raises(InputError):
            c.search(vector=wrong)


def test_documents_like_others_are_nearest_to_the_weighted_sum(notes):
    c, documents = notes
    texts = [f"{d['title']}\n{d['text']}" for d in documents]
    vectors = cd.static().encode_documents(texts)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for weights in ({"d1": 1.0}, {"d1": 1.0, "d2": 1.0}, {"d3": 2.0, "d4": -0.5}):
        rows = [int(key[1:]) for key in weights]
        scores = vectors @ (np.array(list(weights.values())) @ units[rows])
        scores[rows] = -np.inf
        hits = c.search(like=weights, k=10)
        assert [h.score for h in hits] == pytest.approx(np.sort(scores)[::-1][:10].tolist(), abs=1e-5)
        assert not {h.id for h in hits} & set(weights)
    assert [h.id for h in c.search(like="d1")] == [h.id for h in c.search(like=["d1"])]
    for wrong in ("nobody", [], {"d1": "much"}, {"d1": float("inf")}, {"d1": 1, "nobody": 2}):
        with pytest.raises(InputError):
            c.search(like=wrong)


def test_vectors_are_returned_as_they_are_stored(notes):
    c, documents = notes
    found = c.get(["d2", "nobody", "d1"], include=["vector"])
    expected = cd.static().encode_documents([f"{documents[i]['title']}\n{documents[i]['text']}" for i in (2, 1)])
    assert found[1] is None and np.allclose([found[0]["vector"], found[2]["vector"]], expected, atol=1e-6)
    with pytest.raises(InputError, match="vector"):
        c.get("d1", include=["scores"])


def test_notebooks_and_loggers_are_told(notes, caplog):
    c, _ = notes
    c.add([{"id": "<b>", "text": "<script>"}])
    assert "61 documents" in c._repr_html_() and "static()" in c._repr_html_()
    shown = c.search("<script>", k=3)._repr_html_()
    assert "&lt;script&gt;" in shown and "<script>" not in shown and shown.count("<tr>") == 4
    with caplog.at_level("INFO", logger="codomain"):
        c.reindex()
        c.compact()
    assert [r.message.split(": ")[1] for r in caplog.records][:2] == [
        "indexes written over 61 rows.", "compacted to 61 rows."
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["zscore", "minmax"])
def test_a_document_has_one_fused_score_whatever_the_filter(tmp_path, method):
    with cd.create(tmp_path / "c", f"fuse(static() >> flat(), bm25(), method='{method}')") as c:
        c.add(made_up(60))
        whole = {h.id: h.score for h in c.search("word amber bridge", k=60)}
        for where in ("n == 3", "n in [0, 1]", "day < date('2024-05-01')", "tags == 'amber'"):
            hits = c.search("word amber bridge", k=60, where=where)
            assert 3 < len(hits) < 60
            assert {h.id: h.score for h in hits} == pytest.approx({h.id: whole[h.id] for h in hits}, abs=1e-5)
            least = sorted(whole.values())[40]
            kept = c.search("word amber bridge", k=60, where=where, min_score=least)
            assert {h.id for h in kept} == {h.id for h in hits if whole[h.id] >= least - 1e-6}


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.delete_where("yaer > 1"),
        lambda c: c.erase(c.ids("yaer > 1")),
        lambda c: c.update_where("yaer > 1", {"x": 1}),
        lambda c: c.to_arrow("yaer > 1"),
        lambda c: c.to_pandas("yaer > 1"),
        lambda c: c.to_polars("yaer > 1"),
        lambda c: c.chunks_where("yaer > 1"),
        lambda c: list(exported(c, "yaer > 1")),
        lambda c: list(exported(c, "yaer > 1", all_namespaces=True)),
        lambda c: c.search("fox", where="yaer > 1"),
        lambda c: c.count("yaer > 1"),
    ],
)
def test_a_field_that_no_document_has_is_named_by_whoever_takes_a_filter(tmp_path, caplog, ask) -> None:
    with cd.create(tmp_path / "c", "hashed(8) >> flat()") as c:
        c.add([{"id": "a", "text": "fox", "metadata": {"year": 2}}])
        ask(c)
        assert [r.getMessage() for r in caplog.records] == ["no document has `yaer`; did you mean `year`?"]
        caplog.clear()
        c.update_where("year > 1", {"new": 1})
        assert (c.delete_where("year > 1"), caplog.records) == (1, [])


@pytest.mark.parametrize("value", [float("nan"), np.float32("nan"), float("inf")])
def test_a_number_that_is_none_is_no_value_of_an_update(tmp_path, value) -> None:
    with cd.create(tmp_path / "c", "hashed(8) >> flat()") as c:
        c.add([{"id": "a", "text": "fox", "metadata": {"n": 1}}])
        for change in (lambda: c.update("a", {"n": value}), lambda: c.update_where("n = 1", {"n": value})):
            with pytest.raises(cd.CodomainError, match="cannot be stored"):
                change()
        assert c.get("a")["metadata"] == {"n": 1}
