"""Vector files: what is written is read, every key has a vector, damage and broken lines are one sentence."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codomain as cd
from codomain.errors import InputError
from codomain.vectorfiles import Concat, Featurizer, VectorFile, import_file, write
from codomain.vectorfiles import writing as writing_module
from codomain.vectorfiles.grams import END, START, gram_hashes, random_vector
from codomain.vectorfiles.unknown import edits

WORDS = [
    "king",
    "queen",
    "man",
    "woman",
    "prince",
    "princess",
    "paris",
    "france",
    "berlin",
    "germany",
    "walking",
    "walked",
    "swimming",
    "swam",
    "apple",
    "apples",
    "mississippi",
    "discriminatory",
    "government",
    "governments",
    "uber",
    "forbid",
    "forbidden",
    "pretty",
    "ice-cream",
    "naïve",
    "café",
    "東京",
    ".",
    "the",
]
RNG = np.random.default_rng(5)
VECTORS = (RNG.standard_normal((len(WORDS), 12)) * RNG.uniform(0.5, 9, (len(WORDS), 1))).astype(np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.fixture
def words(tmp_path: Path) -> VectorFile:
    write(tmp_path / "words", WORDS, VECTORS)
    return VectorFile(tmp_path / "words")


def text(keys: list[str], vectors: np.ndarray, header: bool = True) -> bytes:
    lines = [f"{key} {' '.join(map(repr, map(float, row)))}" for key, row in zip(keys, vectors, strict=True)]
    return ("".join([f"{len(keys)} {vectors.shape[1]}\n"] * header) + "\n".join(lines) + "\n").encode()


def binary(keys: list[str], vectors: np.ndarray, end: bytes = b"") -> bytes:
    records = [key.encode() + b" " + row.astype("<f4").tobytes() + end for key, row in zip(keys, vectors, strict=True)]
    return f"{len(keys)} {vectors.shape[1]}\n".encode() + b"".join(records)


# --- reading ---------------------------------------------------------------------------------------------------


def test_vectors_have_length_one_and_norms_bring_back_what_was_given(words):
    assert len(words) == len(WORDS) and list(words) == WORDS
    np.testing.assert_allclose(words.query(WORDS), unit(VECTORS), atol=1e-6)
    np.testing.assert_allclose(words.norms, np.linalg.norm(VECTORS, axis=1), rtol=16 * np.finfo(np.float32).eps)
    raw = cd.vectorfiles.open(words.path, normalized=False)
    np.testing.assert_allclose(raw.query(WORDS), VECTORS, rtol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "error", "bytes_a_row"),
    [
        ("float32", 1e-6, 48),
        ("float16", 1e-3, 24),
        ("float8_e4m3", 0.05, 12),
        ("float8_e5m2", 0.1, 12),
        ("int8", 0.02, 12),
        ("binary", 1.2, 2),
    ],
)
def test_every_type_stands_for_its_vectors_to_its_precision(tmp_path, dtype, error, bytes_a_row):
    vectors = np.vstack([VECTORS, np.zeros((1, 12), np.float32)])
    write(tmp_path / "w", [*WORDS, "nothing"], vectors, dtype)
    words = VectorFile(tmp_path / "w")
    assert (tmp_path / "w" / "vectors.bin").stat().st_size == bytes_a_row * len(vectors)
    read = words.query(WORDS)
    assert np.linalg.norm(read - unit(VECTORS), axis=1).max() < error
    np.testing.assert_allclose(np.linalg.norm(read, axis=1), 1, atol=1e-5)
    assert not words["nothing"].any()
    # all rows scored as they are stored agree with rows decoded one by one
    scores = dict(words.most_similar("king", k=len(WORDS)))
    assert scores["queen"] == pytest.approx(words.similarity("king", "queen"), abs=1e-5)
    assert scores["nothing"] == pytest.approx(0, abs=1e-6)


def test_query_takes_a_key_a_list_and_a_list_of_lists(words):
    assert words.query("king").shape == (12,) and words.query([]).shape == (0, 12)
    padded = words.query([["king"], ["queen", "man", "woman"], []])
    assert padded.shape == (3, 3, 12) and not padded[0, 1:].any() and not padded[2].any()
    assert (padded[1] == words.query(["queen", "man", "woman"])).all()
    assert words.query([["king", "queen"], ["man"]], pad_to=1).shape == (2, 1, 12)
    assert words.query([["king"]], pad_to=4).shape == (1, 4, 12)


def test_positions_and_slices_give_keys_and_vectors(words):
    key, vector = words[2]
    assert key == "man" and (vector == words["man"]).all() and words[-1][0] == "the"
    keys, vectors = words[3:6]
    assert keys == WORDS[3:6] and (vectors == words.query(keys)).all()
    with pytest.raises(IndexError):
        words[len(WORDS)]


def test_keys_are_found_in_any_unicode_form(words):
    for form in ("NFC", "NFD", "NFKC"):
        assert unicodedata.normalize(form, "café") in words
    assert "cafe" not in words and 7 not in words


def test_keys_that_share_a_hash_are_told_apart(tmp_path, monkeypatch):
    for module in ("codomain.vectorfiles.file", "codomain.vectorfiles.writing"):
        monkeypatch.setattr(f"{module}.key_hash", lambda key: len(key) % 2)
    write(tmp_path / "w", [*WORDS, "king"], np.vstack([VECTORS, VECTORS[:1]]))
    words = VectorFile(tmp_path / "w")
    assert [words.row(word) for word in WORDS] == list(range(len(WORDS))) and "kong" not in words


def test_ngrams_are_sorted_alike_in_one_part_and_in_many(tmp_path, monkeypatch):
    write(tmp_path / "one", WORDS, VECTORS)
    monkeypatch.setattr(writing_module, "_BUCKET", 64)
    monkeypatch.setattr(writing_module, "_BATCH", 7)
    write(tmp_path / "many", WORDS, VECTORS)
    for name in ("grams", "gram_ends", "gram_rows", "keys", "key_ends", "vectors"):
        assert (tmp_path / "one" / f"{name}.bin").read_bytes() == (tmp_path / "many" / f"{name}.bin").read_bytes()


# --- neighbours, against gensim ----------------------------------------------------------------------------------


@pytest.fixture
def peer():
    models = pytest.importorskip("gensim.models", reason="needs gensim (extra bench)")
    vectors = models.KeyedVectors(12)
    vectors.add_vectors(WORDS, VECTORS)
    return vectors


def test_neighbors_and_analogies_are_those_of_gensim(words, peer):
    for positive, negative in ((["king"], []), (["king", "woman"], ["man"]), (["paris", "germany"], ["france", "the"])):
        for ours, theirs in (
            (words.most_similar(positive, negative, 8), peer.most_similar(positive, negative, topn=8)),
            (words.most_similar(positive, negative, 8, "3cosmul"), peer.most_similar_cosmul(positive, negative, 8)),
        ):
            assert [key for key, _ in ours] == [key for key, _ in theirs]
            np.testing.assert_allclose([s for _, s in ours], [s for _, s in theirs], rtol=1e-4, atol=1e-5)


def test_similarities_and_odd_ones_are_those_of_gensim(words, peer):
    for a, b in zip(WORDS, WORDS[5:], strict=False):
        assert words.similarity(a, b) == pytest.approx(peer.similarity(a, b), abs=1e-5)
        assert words.distance(a, b) == pytest.approx(peer.distance(a, b), abs=1e-5)
        assert set(words.closer_than(a, b)) == set(peer.closer_than(a, b))
    np.testing.assert_allclose(words.similarity("king", WORDS), 1 - np.array(peer.distances("king", WORDS)), atol=1e-5)
    for i in range(0, 20, 3):
        assert words.doesnt_match(WORDS[i : i + 5]) == peer.doesnt_match(WORDS[i : i + 5])


def test_neighbors_equal_a_matrix_product(words):
    scores = unit(VECTORS) @ unit(VECTORS[0])
    order = [i for i in np.argsort(-scores) if i != 0][:5]
    assert [key for key, _ in words.most_similar("king", k=5)] == [WORDS[i] for i in order]
    assert words.most_similar(VECTORS[0], k=1)[0][0] == "king"
    assert len(words.most_similar("king", k=1000)) == len(WORDS) - 1


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda w: w.most_similar(), "at least one key"),
        (lambda w: w.most_similar("king", method="dot"), "cosine and 3cosmul"),
        (lambda w: w.most_similar(np.zeros(3)), r"of shape \(12,\)"),
        (lambda w: w.doesnt_match(["king"]), "at least two"),
        (lambda w: w.query(" "), "empty key"),
        (lambda w: w.query({}), "not dict"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(words, call, sentence):
    with pytest.raises(InputError, match=sentence):
        call(words)


# --- unknown keys ------------------------------------------------------------------------------------------------


def test_a_gram_is_known_by_its_letters():
    def slowly(key: str) -> list[int]:
        form, hashes = START + key + END, []
        for n in range(3, 7):
            for start in range(len(form) - n + 1):
                h = n
                for letter in form[start : start + n]:
                    h = ((h ^ ord(letter)) * 0x9E3779B97F4A7C15) % 2**64
                    h ^= h >> 29
                hashes.append(h)
        return sorted(hashes)

    keys = ["a", "cat", "東京タワー", "mississippi"]
    hashes, owners = gram_hashes(keys)
    for i, key in enumerate(keys):
        assert sorted(hashes[owners == i].tolist()) == slowly(key)


def test_philox_gives_the_published_numbers():
    # Random123, known answers: philox4x64-10 with counter 0 and key 0; numpy counts before it draws
    generator = np.random.Philox(key=0, counter=np.uint64([2**64 - 1] * 4))
    assert [hex(x) for x in generator.random_raw(2).tolist()] == ["0x16554d9eca36314c", "0xdb20fe9d672d0fdc"]


@pytest.mark.parametrize(
    ("key", "similar"),
    [
        ("missisippi", "mississippi"),
        ("discrimnatory", "discriminatory"),
        ("KING", "king"),
        ("uberrrrr", "uber"),
        ("aplpe", "apple"),
        ("mna", "man"),
        ("forbiden", "forbidden"),
        ('"king"', "king"),
    ],
)
def test_a_misspelt_key_is_near_what_was_meant(words, key, similar):
    found = words.look_up(key)
    assert found.source == "n-grams" and similar in found.similar
    assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
    assert words.similarity(key, similar) > 0.5
    assert key not in words and similar in words


def test_a_made_vector_is_the_stated_mix(words):
    found = words.look_up("discrimnatory")
    own = random_vector(gram_hashes(["discrimnatory"])[0], 12)
    assert found.similar == ["discriminatory"]
    np.testing.assert_allclose(found.vector, unit(0.1 * own + 0.9 * words["discriminatory"]), atol=1e-6)


def test_similar_keys_are_weighed_as_a_noisy_channel_does(tmp_path):
    keys = ["formal", "farmer", "forme1", "dormer", "firmer"]
    vectors = np.eye(5, 8, dtype=np.float32)
    write(tmp_path / "words", keys, vectors)
    words = VectorFile(tmp_path / "words")

    def grams(word):
        marked = f"\x02{word}\x03"
        return {marked[i : i + n] for n in range(3, 7) for i in range(len(marked) - n + 1)}

    typed, distance = "former", {"formal": 2, "farmer": 1, "forme1": 1, "dormer": 1, "firmer": 1}
    having = {g: sum(g in grams(key) for key in keys) for g in grams(typed)}
    idf = {g: np.log1p(len(keys) / n) for g, n in having.items() if n}
    likely = {
        key: -np.log(1 + row)
        - 15 * distance[key] / max(len(typed), len(key))
        + 3 * sum(w for g, w in idf.items() if g in grams(key)) / sum(idf.values())
        + 4 * key.isalpha()
        for row, key in enumerate(keys)
    }
    weights = np.exp([likely[key] - max(likely.values()) for key in keys])
    weights[weights < 0.01] = 0
    found = words.look_up(typed)
    assert found.similar == sorted((k for k, w in zip(keys, weights, strict=True) if w), key=lambda k: -likely[k])
    own = random_vector(gram_hashes([typed])[0], 8)
    np.testing.assert_allclose(found.vector, unit(0.1 * own + 0.9 * unit(weights @ vectors)), atol=1e-5)
    assert len(found.similar) == 5


def test_a_key_like_nothing_has_a_vector_of_its_own(words):
    found = words.look_up("zzqxwv")
    assert found.similar == [] and np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
    other = VectorFile(words.path, namespace="other")
    assert abs(float(found.vector @ other["zzqxwv"])) < 0.99
    assert other.fingerprint != words.fingerprint


def test_values_that_are_no_texts_differ_by_type(words):
    values = [1, 1.0, True, None, b"1", 2]
    vectors = words.query(values)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors @ vectors.T - np.eye(6) < 0.999).all()
    assert (words.query(values) == vectors).all()


def test_made_vectors_are_equal_bit_for_bit_in_every_process(words):
    script = (
        "import sys, codomain as cd; w = cd.vectorfiles.open(sys.argv[1]);"
        "f = cd.vectorfiles.Featurizer(50, 'tag');"
        "print(b''.join(w.query(k).tobytes() for k in ('misisipi', 'zzqx', 'Ünknöwn', 3, 2.5)).hex(), f['x'].tobytes().hex())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script, str(words.path)],
            env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True,
        ).stdout
        for seed in ("0", "1", "977")
    }  # fmt: skip
    here = b"".join(words.query(key).tobytes() for key in ("misisipi", "zzqx", "Ünknöwn", 3, 2.5)).hex()
    assert {line.decode().split()[0] for line in printed} == {here} and len(printed) == 1


def slow_edits(a: str, b: str) -> int:
    """Optimal string alignment by its recursion."""
    if not a or not b:
        return len(a) + len(b)
    best = min(slow_edits(a[:-1], b) + 1, slow_edits(a, b[:-1]) + 1, slow_edits(a[:-1], b[:-1]) + (a[-1] != b[-1]))
    if len(a) > 1 and len(b) > 1 and a[-1] == b[-2] and a[-2] == b[-1]:
        best = min(best, slow_edits(a[:-2], b[:-2]) + 1)
    return best


@settings(max_examples=40)
@given(st.text("abc", max_size=5), st.lists(st.text("abc", max_size=5), min_size=1, max_size=4))
def test_edits_are_those_of_the_recursion(word, others):
    assert edits(word, others).tolist() == [slow_edits(word, other) for other in others]


@settings(max_examples=60)
@given(st.text(max_size=30))
def test_every_text_has_a_unit_vector(tmp_path_factory, key):
    path = tmp_path_factory.getbasetemp() / "any-text"
    if not path.exists():
        write(path, WORDS, VECTORS)
    words = VectorFile(path)
    if not key.strip():
        with pytest.raises(InputError, match="empty"):
            words.query(key)
    else:
        assert np.linalg.norm(words.query(key)) == pytest.approx(1, abs=1e-5)


# --- several files -------------------------------------------------------------------------------------------------


def test_concat_lays_vectors_end_to_end(words):
    tags = Featurizer(100, "tags")
    both = Concat(words, tags)
    assert both.dim == 12 + tags.dim
    assert (both["king"] == np.concatenate([words["king"], tags["king"]])).all()
    pairs = both.query([("king", "NOUN"), ("walked", "VERB")])
    assert (pairs[1] == np.concatenate([words["walked"], tags["VERB"]])).all()
    assert both.query([["king"], ["queen", "man"]]).shape == (2, 2, both.dim)
    assert both.query([]).shape == (0, both.dim)
    assert both.similarity("king", "king") == pytest.approx(1)
    with pytest.raises(InputError, match="3 keys do not fit 2 parts"):
        both.query(("a", "b", "c"))


def test_featurizer_vectors_are_distinct_units_of_few_dimensions():
    tags = Featurizer(1000, "tags")
    vectors = tags.query([f"value {i}" for i in range(1000)])
    assert vectors.shape == (1000, 10)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert len(np.unique(vectors, axis=0)) == 1000
    assert (Featurizer(1000, "other")["value 1"] != tags["value 1"]).all()
    with pytest.raises(InputError, match="at least 1"):
        Featurizer(0)


# --- formats -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("w.txt", text(WORDS, VECTORS), "word2vec"),
        ("w.bin", binary(WORDS, VECTORS), "word2vec"),
        ("w2.bin", binary(WORDS, VECTORS, b"\n"), "word2vec"),
        ("w.glove.txt", text(WORDS, VECTORS, header=False), "glove"),
        ("w.vec", text(WORDS, VECTORS).replace(b"\n", b" \n").replace(b"12 \n", b"12\n", 1), "fasttext"),
        ("crlf.txt", text(WORDS, VECTORS).replace(b"\n", b"\r\n"), "word2vec"),
    ],
)
def test_formats_are_detected_and_read(tmp_path, name, content, format, zipped):
    source = tmp_path / (name + ".gz" * zipped)
    source.write_bytes(gzip.compress(content) if zipped else content)
    seen: list[tuple[str, int, int]] = []
    made = import_file(source, tmp_path / "w", progress=lambda *step: seen.append(step))
    assert made == (format, len(WORDS), 12, 0, 0)
    words = VectorFile(tmp_path / "w", normalized=False)
    assert list(words) == [unicodedata.normalize("NFC", word) for word in WORDS]
    np.testing.assert_allclose(words.query(WORDS), VECTORS, rtol=1e-5)
    assert seen[-1] == ("importing", source.stat().st_size, source.stat().st_size)


@pytest.mark.parametrize("binary_form", [False, True])
def test_what_gensim_writes_is_read_alike(tmp_path, binary_form):
    models = pytest.importorskip("gensim.models", reason="needs gensim (extra bench)")
    peer = models.KeyedVectors(12)
    peer.add_vectors(WORDS, VECTORS)
    peer.save_word2vec_format(str(tmp_path / "w"), binary=binary_form)
    read = models.KeyedVectors.load_word2vec_format(str(tmp_path / "w"), binary=binary_form)
    assert import_file(tmp_path / "w", tmp_path / "ours").keys == len(WORDS)
    words = VectorFile(tmp_path / "ours")
    assert list(words) == read.index_to_key
    np.testing.assert_allclose(
        words.query(WORDS), read.vectors / np.linalg.norm(read.vectors, axis=1)[:, None], atol=1e-6
    )


def test_arrays_are_named_by_a_file_of_keys_or_by_number(tmp_path):
    from safetensors.numpy import save_file

    np.save(tmp_path / "w.npy", VECTORS)
    save_file({"rows": VECTORS.astype(np.float16), "scale": np.ones(3)}, tmp_path / "w.safetensors")
    (tmp_path / "keys.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    for name in ("w.npy", "w.safetensors"):
        assert import_file(tmp_path / name, tmp_path / "w", keys=tmp_path / "keys.txt", replace=True).keys == len(WORDS)
        np.testing.assert_allclose(VectorFile(tmp_path / "w").query(WORDS), unit(VECTORS), atol=1e-3)
    import_file(tmp_path / "w.npy", tmp_path / "numbered")
    assert VectorFile(tmp_path / "numbered")[5][0] == "5"
    (tmp_path / "few.txt").write_text("a\nb\n")
    with pytest.raises(InputError, match="has 2 lines for more rows"):
        import_file(tmp_path / "w.npy", tmp_path / "new", keys=tmp_path / "few.txt")
    with pytest.raises(InputError, match="cannot be read"):
        import_file(tmp_path / "w.npy", tmp_path / "new", keys=tmp_path / "nothing.txt")
    (tmp_path / "many.txt").write_text("a\n" * 99)
    with pytest.raises(InputError, match="more lines than the"):
        import_file(tmp_path / "w.npy", tmp_path / "new", keys=tmp_path / "many.txt")


def test_keys_may_hold_spaces(tmp_path):
    keys = ["the", ". . .", "at name@domain.com", "cat", "non\u00a0breaking", "x\u0085y"]
    (tmp_path / "g.txt").write_bytes(text(keys, VECTORS[:6], header=False))
    assert import_file(tmp_path / "g.txt", tmp_path / "w").dim == 12
    assert list(VectorFile(tmp_path / "w")) == keys


def test_the_first_of_double_keys_wins_and_they_are_counted(tmp_path):
    keys = ["a", "b", "a", unicodedata.normalize("NFD", "é"), "é", "a"]
    (tmp_path / "w.txt").write_bytes(text(keys, VECTORS[:6]))
    made = import_file(tmp_path / "w.txt", tmp_path / "w")
    words = VectorFile(tmp_path / "w")
    assert (made.keys, made.duplicates) == (3, 3) and list(words) == ["a", "b", "é"]
    np.testing.assert_allclose(words.query(["a", "é"]), unit(VECTORS[[0, 3]]), atol=1e-6)
    assert words.info["duplicates"] == 3


BROKEN = {
    "too few numbers": (b"cat 0.5 0.25\n", "line 3 has 2 numbers after its key where 4 are needed"),
    "too many numbers": (b"cat 1 2 3 4 5\n", "line 3 has 5 numbers after its key where 4 are needed"),
    "no number": (b"cat 1 2 x 4\n", "line 3 .*no number.*'x'"),
    "NaN": (b"cat 1 nan 3 4\n", "line 3 holds NaN"),
    "beyond float32": (b"cat 1 1e39 3 4\n", "line 3 holds NaN or infinity, or a number beyond float32"),
    "no UTF-8": (b"c\xffat 1 2 3 4\n", "line 3 has a key that is not UTF-8"),
    "no key": (b" 1 2 3 4\n", "line 3 has 3 numbers"),
}


@pytest.mark.parametrize("headed", [True, False])
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_line_is_named_by_its_number_or_left_out(tmp_path, what, headed):
    line, sentence = BROKEN[what]
    good = [b"king 1 2 3 4\n", b"queen 5 6 7 8\n", b"man 9 1 2 3\n"]
    source = tmp_path / "w.txt"
    lines = [b"4 4\n", good[0], line, *good[1:]] if headed else [*good[:2], line, good[2]]
    source.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=sentence):
        import_file(source, tmp_path / "w")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.txt"]
    made = import_file(source, tmp_path / "w", skip_bad=True)
    assert (made.keys, made.skipped) == (3, 1)
    np.testing.assert_allclose(VectorFile(tmp_path / "w", normalized=False)["man"], [9, 1, 2, 3], rtol=1e-5)


def test_one_broken_line_among_many_spoils_no_other(tmp_path):
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((30_000, 8)).astype(np.float32)
    lines = text([f"w{i}" for i in range(30_000)], vectors).splitlines(keepends=True)
    lines[20_001] = b"w20000 1 2 3\n"
    (tmp_path / "w.txt").write_bytes(b"".join(lines))
    with pytest.raises(InputError, match="line 20002 has 3 numbers"):
        import_file(tmp_path / "w.txt", tmp_path / "w")
    assert import_file(tmp_path / "w.txt", tmp_path / "w", skip_bad=True).keys == 29_999
    raw = VectorFile(tmp_path / "w", normalized=False)
    np.testing.assert_allclose(
        raw.query(["w0", "w19999", "w20001", "w29999"]), vectors[[0, 19999, 20001, 29999]], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is none of"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is none of"),
        (b"just some prose\nwithout numbers\n", "is none of"),
        (text(WORDS, VECTORS)[:-300], "line "),
        (text(["a", "b"], VECTORS[:2]).replace(b"2 12", b"3 12"), "promises 3 keys, but 2 lines follow"),
        (binary(WORDS, VECTORS)[:-5], "record 31 of 31 is cut off|record .* is cut off"),
        (gzip.compress(text(WORDS, VECTORS), mtime=0)[:-40], "gzipped, but damaged or cut off"),
        (b"0 4\n", "no vector"),
        (b"\x93NUMPY\x01\x00", "cannot be read as .npy"),
        (b"\x08\x00\x00\x00\x00\x00\x00\x00{broken}more bytes", "cannot be read as safetensors"),
    ],
)
def test_files_that_are_damaged_or_no_vectors_are_one_sentence(tmp_path, content, sentence):
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        import_file(tmp_path / "w", tmp_path / "out")
    assert not (tmp_path / "out").exists() and len(list(tmp_path.iterdir())) == 1


def test_other_input_that_cannot_be_used_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="not there"):
        import_file(tmp_path / "nothing", tmp_path / "w")
    np.save(tmp_path / "w.npy", VECTORS[0])
    with pytest.raises(InputError, match="must hold a table"):
        import_file(tmp_path / "w.npy", tmp_path / "w")
    for arguments, sentence in (
        (([], np.zeros((0, 3))), "no vector"),
        ((["a"], np.zeros((2, 3))), "1 keys cannot name 2"),
        ((["a", ""], np.zeros((2, 3))), "empty key"),
        ((["a", 5], np.zeros((2, 3))), "keys are texts"),
        ((["a"], np.zeros((1, 0))), "without dimensions"),
        ((["a"], [[np.nan]]), "NaN"),
        ((["a"], [[1.0]], "int4"), "not 'int4'"),
    ):
        with pytest.raises(InputError, match=sentence):
            write(tmp_path / "w", *arguments)
    assert not (tmp_path / "w").exists()


# --- what is on disk -----------------------------------------------------------------------------------------------


def test_a_vector_file_is_replaced_only_when_asked_and_nothing_else_ever(tmp_path, words):
    with pytest.raises(InputError, match="exists already"):
        write(words.path, ["a"], np.ones((1, 2)))
    write(words.path, ["a"], np.ones((1, 2)), replace=True)
    assert list(VectorFile(words.path)) == ["a"]
    assert words["king"].shape == (12,), "a reader keeps what it has mapped"
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="exists already"):
        write(tmp_path / "folder", ["a"], np.ones((1, 2)), replace=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "words"]


@pytest.mark.parametrize("name", ["vectors", "keys", "key_ends", "hashes", "hash_rows", "gram_rows", "norms"])
def test_a_file_that_is_cut_off_or_missing_is_named(words, name):
    path = words.path / f"{name}.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(InputError, match=rf"{name}.bin has {len(content) - 1} bytes instead"):
        VectorFile(words.path)
    path.unlink()
    with pytest.raises(InputError, match=rf"{name}.bin is missing"):
        VectorFile(words.path)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"kind": "other"}', '{"kind": "codomain vector file", "format": 1}']
)
def test_damaged_meta_is_one_sentence(words, content):
    (words.path / "meta.json").write_text(content)
    with pytest.raises(InputError, match=r"damaged|no vector file"):
        VectorFile(words.path)


def test_a_changed_fact_or_format_is_noticed(words):
    meta = json.loads((words.path / "meta.json").read_text())
    (words.path / "meta.json").write_text(json.dumps(meta | {"dim": 6}))
    with pytest.raises(InputError, match="damaged"):
        VectorFile(words.path)
    (words.path / "meta.json").write_text(json.dumps(meta | {"format": 2}))
    with pytest.raises(InputError, match="has format 2"):
        VectorFile(words.path)
    with pytest.raises(InputError, match="no vector file"):
        VectorFile(words.path / "meta.json")


def test_verify_finds_a_flipped_bit(words):
    words.verify()
    raw = bytearray((words.path / "vectors.bin").read_bytes())
    raw[77] ^= 4
    (words.path / "vectors.bin").write_bytes(raw)
    with pytest.raises(InputError, match=r"vectors.bin is damaged"):
        VectorFile(words.path).verify()


def test_fingerprints_follow_content(tmp_path, words):
    write(tmp_path / "same", WORDS, VECTORS)
    write(tmp_path / "other", WORDS, VECTORS + 1)
    prints = [VectorFile(tmp_path / name).fingerprint for name in ("words", "same", "other")]
    assert prints[0] == prints[1] != prints[2]


def test_an_import_that_is_killed_leaves_nothing_that_opens_and_the_next_clears_it(tmp_path):
    script = (
        "import signal, sys, time, numpy as np\nfrom codomain.vectorfiles.writing import write_batches\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "def batches():\n"
        "    yield ['a'], np.ones((1, 3), np.float32)\n"
        "    print('begun', flush=True); time.sleep(60)\n"
        "write_batches(sys.argv[1], batches())\n"
    )
    for stop, left in ((signal.SIGKILL, 1), (signal.SIGINT, 0)):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "w")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout.readline() == b"begun\n"
            time.sleep(0.05)
            process.send_signal(stop)
            process.wait()
        assert len(list(tmp_path.iterdir())) == left
        with pytest.raises(InputError, match="no vector file"):
            VectorFile(tmp_path / "w")
        if left:
            write(tmp_path / "w", ["a"], np.ones((1, 2)))
            assert [path.name for path in tmp_path.iterdir()] == ["w"]
            write(tmp_path / "w2", ["a"], np.ones((1, 2)))
            import shutil

            shutil.rmtree(tmp_path / "w")
            shutil.rmtree(tmp_path / "w2")


def test_import_needs_memory_for_a_batch_not_for_the_file(tmp_path):
    rng = np.random.default_rng(0)
    block = rng.standard_normal((2000, 300)).astype(np.float16)
    with (tmp_path / "w.txt").open("wb") as file:
        file.write(b"40000 300\n")
        for part in range(20):
            file.write(text([f"w{part}-{i}" for i in range(2000)], block, header=False))
    script = (
        "import resource, sys\nfrom codomain.vectorfiles import import_file\nimport numpy as np\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "import_file(sys.argv[1], sys.argv[2])\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "w.txt"), str(tmp_path / "w")], capture_output=True, check=True
    )
    assert (tmp_path / "w" / "vectors.bin").stat().st_size == 40_000 * 300 * 4
    assert float(done.stdout) < 130, "the text has 130 MB or more, its vectors 48 MB"
