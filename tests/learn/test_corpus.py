"""Readers of the recipe's sources on small files, and the texts cut from them."""

from __future__ import annotations

import gzip
import json
import random

import pytest

from codomain.errors import InputError
from codomain.learn import corpus


def test_rows_are_read_by_column_and_one_in_twenty_is_held_out(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    rows = [{"title": f"title {i}", "text": f"text {i}"} for i in range(400)]
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    everything = list(corpus.read_rows(path, ["title", "text"]))
    kept = list(corpus.read_rows(path, ["title", "text"], hold_out=True))
    assert everything[:2] == ["title 0", "text 0"] and len(everything) == 800
    assert 700 < len(kept) < 800 and not any(corpus.is_held_out(text) for text in kept if text.startswith("title"))


def test_dictionary_entries_lose_their_apparatus(tmp_path):
    path = tmp_path / "d.dict.dz"
    entry = (
        'Abjure \\Ab*jure"\\, v. t. [imp. Abjured]\n   1. To renounce upon oath; to forswear.\n      [1913 Webster]\n\n'
    )
    path.write_bytes(gzip.compress(entry.encode()))
    head, body = list(corpus.read_dictd(path))
    assert head == "Abjure" and "To renounce upon oath; to forswear." in body and "Webster" not in body


def test_textbook_modules_lose_tags_and_formulas(tmp_path):
    (tmp_path / "m1.cnxml").write_text(
        "<document><title>Heat</title><para>Warm <term>bodies</term> <m:math><m:mi>Q</m:mi></m:math> cool &amp; slow.</para></document>"
    )
    assert [corpus.tidy(text) for text in corpus.read_cnxml(tmp_path)] == [
        "Heat",
        "Warm bodies cool & slow.",
        "bodies",
    ][:2]


def test_docstrings_are_parsed_not_imported(tmp_path):
    (tmp_path / "m.py").write_text(
        '"""Module words."""\nraise SystemExit\ndef f():\n    """First.\n\n    >>> f()\n    """\n'
    )
    (tmp_path / "broken.py").write_text("def (")
    assert list(corpus.read_python(tmp_path)) == ["Module words.", "First."]


def test_ontologies_give_names_synonyms_and_definitions(tmp_path):
    (tmp_path / "o.obo").write_text('[Term]\nname: measles\ndef: "A viral disease." [x]\nsynonym: "rubeola" EXACT []\n')
    assert [t.strip() for t in corpus.read_obo(tmp_path / "o.obo")] == ["measles", "A viral disease.", "rubeola"]


def test_pseudo_queries_are_content_words_of_one_sentence_in_their_order():
    passages = ["The lift of a slender wing depends on the angle of attack. Zinc binds proteins in the cell."]
    queries = list(corpus.cut(passages, {"queries": 40}, random.Random(0)))
    assert len(queries) == 40
    for query in queries:
        words = query.lower().split()
        source = next(s for s in corpus.SENTENCE_END.split(passages[0]) if words[0] in s.lower())
        places = [source.lower().index(word) for word in words]
        assert places == sorted(places) and not set(words) & corpus.STOP


def test_a_corpus_is_distinct_shuffled_and_the_same_for_a_seed(tmp_path):
    (tmp_path / "p.txt").write_text("One sentence here. Another sentence there.\n\nOne sentence here.\n")
    source = {"name": "p", "reader": "prose", "paths": ["p.txt"], "sentences": 10}
    recipe = {"source": [source], "words": {"most_common": 3, "at_least": 2}}
    texts = corpus.build(recipe, [tmp_path], seed=1)
    assert texts == corpus.build(recipe, [tmp_path], seed=1)
    assert sorted(texts) == sorted(set(texts)) and {"One sentence here.", "sentence"} <= set(texts)


def test_a_missing_source_is_named():
    with pytest.raises(InputError, match="nowhere"):
        corpus.find("nowhere.txt", [])
