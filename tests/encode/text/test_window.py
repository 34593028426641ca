"""What encoders read: the window is where a longer text changes no vector, and a longer text is said once a call."""

import warnings

import numpy as np
import pytest

import codomain as cd
from codomain.encode.text.window import CutWarning, Windowed, cuts_are_counted

pytestmark = pytest.mark.needs_learn


def encoder(name, **options):
    from codomain.registry import stage_class

    return stage_class(name)(device="cpu", **options)


@pytest.mark.parametrize("name", ["minilm", "late"])
@pytest.mark.parametrize("length", [None, 32])
def test_the_window_is_where_more_tokens_change_nothing(name, length):
    made = encoder(name, max_length=length)
    assert isinstance(made, Windowed)
    window = made.window
    whole, more, other = ("a " * window, "a " * window + "z", "a " * (window - 1) + "z")
    assert made.count_tokens([whole, more, other]).tolist() == [window, window + 1, window]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = [made.encode_documents([text]) for text in (whole, more, other)]
    rows = [one.values if name == "late" else one for one in found]
    assert np.allclose(rows[0], rows[1], atol=1e-6) and not np.allclose(rows[0], rows[2], atol=1e-3)
    assert [str(one.message) for one in said] == [
        f"{made} reads {window} tokens of a document: the text is longer, and what follows is in no vector."
    ]


def test_a_prompt_takes_its_place_in_the_window(tmp_path):
    from codomain.encode import TransformerEncoder
    from codomain.encode.text.transformer import minilm_folder

    folder = minilm_folder("st()")
    plain = TransformerEncoder(folder, device="cpu")
    prompted = TransformerEncoder(folder, document_prompt="passage: ", device="cpu")
    assert plain.window == 254 and prompted.window == 252  # "passage" and ":"
    text = "a " * 252
    with cuts_are_counted():
        whole, more = prompted.encode_documents([text, text + "z"])
        shorter = prompted.encode_documents(["a " * 251 + "z"])[0]
    assert np.allclose(whole, more, atol=1e-6) and not np.allclose(whole, shorter, atol=1e-3)


def test_texts_are_said_once_a_call_by_number():
    made = encoder("minilm", max_length=16)
    with pytest.warns(CutWarning, match=r"reads 14 tokens of a document: 2 of 4 texts are longer"):
        made.encode_documents(["word " * 15, "word", "word " * 14, "mot " * 99])
    with pytest.warns(CutWarning, match=r"reads 14 tokens of a query: 1 of 2 texts is longer"):
        made.encode_queries(["word " * 15, "word"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.encode_documents(["word " * 14, ""])
        with cuts_are_counted():
            made.encode_documents(["word " * 15])


def test_encoders_of_any_length_have_no_window():
    for name in ("static", "bag_of_words", "char_ngrams"):
        assert not isinstance(cd.pipeline(f"{name}()").stages[0], Windowed)


def test_texts_reach_a_model_in_one_form():
    made = encoder("minilm")
    forms = ["the o\ufb03ce of ＡＢＣ", "the office of ABC", "the of\u00adfice of A\u200bBC"]
    vectors = made.encode_documents(forms)
    assert np.allclose(vectors, vectors[1], atol=1e-6)
    before = made.earlier()
    assert before.fingerprint != made.fingerprint and before.earlier() is None
    assert not np.allclose(before.encode_documents(forms[:1]), vectors[1], atol=1e-3)
