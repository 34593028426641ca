"""Words and terms of every script: against Unicode's own tables, the first analyzer, and what readers of a script expect."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomain.analyzer import Analyzer, Vocabulary, words
from codomain.analyzer.earlier import FirstAnalyzer
from codomain.analyzer.forms import folded, normal
from codomain.analyzer.language import Evidence
from codomain.analyzer.stop_words import languages, stop_words
from codomain.analyzer.words import is_run, letters
from codomain.errors import InputError
from codomain.index.bm25 import BM25

EVERY = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
VISIBLE_FORMATS = (
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\ufff9\ufffa\ufffb\U000110bd\U000110cd"
)
"""Characters of category Cf that are shown: Arabic number signs, annotation marks."""


def found(document: str, query: str, other: str = "unrelated words", **options) -> bool:
    """Whether a query finds a document, and it alone."""
    rows = BM25(**options).build([document, other]).search([query], 2).rows[0]
    return rows.tolist() == [0, -1]


# --- words ---------------------------------------------------------------------------------------------------------


def test_every_combining_mark_stays_in_its_word():
    for mark in EVERY:
        if unicodedata.category(mark)[0] == "M" and not is_run(mark):
            assert words(f"a{mark}b c") == [f"a{mark}b", "c"], hex(ord(mark))


def test_every_letter_of_a_script_without_spaces_is_cut_from_its_neighbors():
    scripts = ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA LETTER", "KATAKANA LETTER", "HANGUL SYLLABLE",
               "HALFWIDTH KATAKANA LETTER", "HANGUL LETTER", "HANGUL CHOSEONG", "THAI CHARACTER", "LAO LETTER",
               "MYANMAR LETTER", "KHMER LETTER", "BOPOMOFO LETTER")  # fmt: skip
    checked = 0
    for character in EVERY:
        if unicodedata.category(character) in ("Lo", "Lm") and unicodedata.name(character, "").startswith(scripts):
            checked += 1
            assert is_run(character) and words(f"ab{character}cd") == ["ab", character, "cd"], hex(ord(character))
    assert checked > 95_000


def test_what_is_invisible_parts_no_word():
    for character in EVERY:
        if unicodedata.category(character) == "Cf" and character not in VISIBLE_FORMATS and ord(character) < 0x13430:
            assert Analyzer(None).terms(f"infor{character}mation") == ["information"], hex(ord(character))


@given(st.text(st.characters(max_codepoint=127)))
@settings(max_examples=300)
def test_plain_ascii_has_the_terms_that_it_always_had(text):
    first = FirstAnalyzer("english")
    old = [term for word in first.words(text) if (term := first.term(word)) is not None]
    assert Analyzer().terms(text) == old


@given(st.text())
@settings(max_examples=200)
def test_a_vocabulary_numbers_the_terms_of_the_analyzer(text):
    vocabulary = Vocabulary(Analyzer("german"))
    (numbers,) = vocabulary.numbers(iter([text]))
    assert [vocabulary.terms[n] for n in numbers if n >= 0] == Analyzer("german").terms(text)


# --- forms ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@given(st.text(st.characters(exclude_categories=("So", "Sk", "Sc", "Sm", "Cs", "Po", "Ps", "Pe"))))
@settings(max_examples=150)
def test_all_unicode_forms_of_a_text_have_the_same_terms(form, text):
    # a form may begin with a mark that would join the word before it
    again = unicodedata.normalize(form, text)
    assert [normal(word) for word in re.split(r"\s", text)] == [normal(word) for word in re.split(r"\s", again)]
    assert Analyzer(None).terms(f"x {text}") == Analyzer(None).terms(f"x {unicodedata.normalize('NFC', text)}")


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (unicodedata.normalize("NFD", "le café crème"), "café"), ("le café crème", unicodedata.normalize("NFD", "café")),
        ("ＡＢＣ１２３ product", "ABC123"), ("H₂O and CO₂", "H2O"), ("Die Straße ist lang", "STRASSE"),
        ("İstanbul güzel", "istanbul"), ("ISPARTA ılık", "ilik"), ("infor\u00admation retrieval", "information"),
        ("infor\u200bmation retrieval", "information"), ("the o\ufb03ce", "OFFICE"), ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("10 ㎏ flour", "kg"), ("①②", "12"), ("٣ كتب", "3"), ("\ufeffTitle here", "title"), ("cœur", "coeur"),
        ("col\u00b7lecci\u00f3", "co\u0140lecci\u00f3"), ("كتـــاب", "كتاب"), ("ﻛﺘﺎﺏ", "كتاب"), ("می\u200cخواهم", "میخواهم"),
    ],
)  # fmt: skip
def test_a_word_is_found_in_whatever_form_it_is_written(text, query):
    assert found(text, query) and found(query, text.split()[0] if " " not in query else text) is not None


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("le café crème", "cafe creme"), ("ذهب مُحَمَّدٌ إلى السوق", "محمد"), ("شَاهِد أحمد", "احمد"), ("שָׁלוֹם עולם", "שלום"),
        ("Ἀθῆναι Ελλάδα", "ελλαδα"), ("Łódź", "lodz"), ("Søren Ångström", "soren angstrom"), ("ещё", "еще"),
        ("за́мок", "замок"), ("Đà Nẵng", "da nang"),
    ],
)  # fmt: skip
def test_marks_that_readers_leave_out_may_be_left_out(text, query):
    assert found(text, query)
    assert found(query, text), "and in the document as well"
    assert not found(text, query, marks="keep")


@pytest.mark.parametrize(
    ("one", "other"),
    [("йод", "иод"), ("їжа", "іжа"), ("कि", "की"), ("がき", "かき"), ("มา", "มี"), ("காற்று", "கற்று"), ("ক", "কা")],
)
def test_marks_that_make_another_letter_do_not(one, other):
    assert folded(normal(one)) != folded(normal(other))
    assert not found(one, other)


@pytest.mark.parametrize("plain_first", [True, False])
@pytest.mark.parametrize(("plain", "marked"), [("resume sent", "résumé sent"), ("محمد", "مُحَمَّد"), ("Muller", "Müller")])
def test_an_exact_match_ranks_higher(plain, marked, plain_first):
    documents = [plain, marked] if plain_first else [marked, plain]
    index = BM25(stemmer=None).build([*documents, "something else"])
    for query in (plain, marked):
        hits = index.search([query], 3)
        assert documents[hits.rows[0, 0]] == query and hits.scores[0, 0] > hits.scores[0, 1] > 0
        assert hits.rows[0, 2] == -1
        parts = index.explain(query, int(hits.rows[0, 0]))
        assert sum(parts.values()) == pytest.approx(hits.scores[0, 0], rel=1e-5)


def test_endings_are_cut_with_their_accents_and_found_without():
    # Snowball's French cuts "créer" and "créé" to one stem, "creer" to another
    index = BM25(stemmer="french").build(["créé hier", "rien"])
    assert index.search(["créer", "cree"], 1).rows.tolist() == [[0], [0]]


# --- scripts without spaces ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "query", "other"),
    [
        ("ฉันชอบกินข้าวผัดกุ้ง", "ข้าวผัด", "ฝนตกหนักมาก"),  # Thai: fried rice / heavy rain
        ("ຂ້ອຍມັກກິນເຂົ້າ", "ກິນເຂົ້າ", "ຝົນຕົກ"),  # Lao
        ("ខ្ញុំចូលចិត្តអានសៀវភៅ", "សៀវភៅ", "ភ្លៀងធ្លាក់"),  # Khmer: book
        ("ကျွန်တော်စာအုပ်ဖတ်တယ်", "စာအုပ်", "မိုးရွာ"),  # Burmese: book
        ("私は東京タワーに行く", "東京タワー", "京都の東"),
        ("ﾊﾟｿｺﾝを買う", "パソコン", "ハンコ"),
        ("東京都庁", "京都", "京の都市"),
        ("北京大学", "大学", "学大"),
        ("𠮷野家で食べる", "𠮷野家", "野原の家"),  # beyond the first plane
        ("학교에서 공부했다", "학교", "교학 상장"),
        ("데이터베이스를 만든다", "데이터베이스", "이데아"),
        ("Python入門", "入門", "python"),
        ("東\u200b京", "東京", "京"),
        (unicodedata.normalize("NFD", "학교에서"), "학교", "학"),
    ],
)
def test_parts_of_unspaced_text_are_found_and_single_letters_do_not_match(text, query, other):
    assert found(text, query, other)


def test_one_letter_alone_is_found():
    index = BM25().build(["東京", "大阪", "물을 마신다"])
    assert index.search(["京", "물"], 3).rows.tolist() == [[0, -1, -1], [2, -1, -1]]


def test_every_mark_of_these_scripts_stands_on_its_letter():
    for mark in EVERY:
        if unicodedata.category(mark)[0] == "M" and is_run(mark):
            assert len(letters(f"X{mark}")) == 1, hex(ord(mark))


def test_letters_are_cut_as_readers_cut_them():
    assert letters(normal("หนังสือ")) == ["ห", "นั", "ง", "สื", "อ"]
    assert letters(normal("ភ្នំពេញ")) == ["ភ្នំ", "ពេ", "ញ"]  # with the consonant below
    assert letters(normal("ｶﾞｷﾞ")) == ["ガ", "ギ"]


def test_spans_lie_on_letters():
    text = "見る東\u200b京タワー"
    spans = Analyzer().spans(text)
    assert {term: text[a:b] for term, a, b in spans}["東京"] == "東\u200b京"
    assert [term for term, _, _ in spans] == Analyzer().terms(text)


# --- languages ---------------------------------------------------------------------------------------------------------


def test_stop_words_are_those_of_the_language():
    laundry = ["de was drogen", "de auto en de fiets"]
    dutch = BM25(stemmer="dutch").build(laundry)
    assert dutch.search(["was", "de"], 2).rows.tolist() == [[0, -1], [-1, -1]]
    assert found("on elma", "on", stemmer="turkish"), "no list: no stop words"
    assert found("The Who", "the who", stemmer=None)
    assert not found("The Who", "the who", stemmer=None, stop_words="english")
    assert not found("Le Chat", "le", language="french") and found("Le Chat", "chats", language="french")
    assert not found("foo bar", "FOO", stop_words=["Foo"]) and found("the bar", "the", stop_words=["Foo"])


def test_every_list_is_in_normal_form_and_of_a_language_with_a_stemmer():
    for language in languages():
        assert all(normal(word) == word and " " not in word for word in stop_words(language))
        Analyzer(language)
        assert 40 < len(stop_words(language)) < 400
    assert "été" not in stop_words("french") and "was" not in stop_words("dutch") and "für" in stop_words("german")


TEXTS = {
    "german": "Der Hund schläft in seinem Korb, und die Katze sitzt auf dem Dach. Es ist nicht so kalt wie gestern.",
    "french": "Le chien dort dans son panier et la chatte est sur le toit. Il ne fait pas aussi froid que hier.",
    "spanish": "El perro duerme en su cesta y la gata está sobre el tejado. No hace tanto frío como ayer por la noche.",
    "english": "The dog is asleep in its basket and the cat sits on the roof. It is not as cold as it was.",
    "dutch": "De hond slaapt in zijn mand en de kat zit op het dak. Het is niet zo koud als het gisteren was.",
    "russian": "Собака спит в своей корзине, а кошка сидит на крыше. Сегодня не так холодно, как было вчера.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_auto_finds_the_language(language):
    evidence = Evidence()
    evidence.read([TEXTS[language]])
    assert evidence.language == language
    index = BM25(language="auto").build([TEXTS[language]])
    assert index._spoken == language


def test_auto_stems_nothing_where_no_language_is_clear(tmp_path):
    index = BM25(language="auto").build(["x = y + 1;", "print(9) # 12"] * 20)
    assert index._spoken is None and index.search(["print"], 1).rows[0, 0] == 1


def test_auto_reads_the_texts_again_when_more_of_them_tell_another_language(tmp_path):
    class Rows:
        def texts(self, rows):
            return [texts[row] for row in rows]

    texts = [TEXTS["english"], *[TEXTS["german"]] * 9, "Die Hunde"]
    index = BM25(language="auto").build(texts[:1])
    index.attach(Rows())
    assert index._spoken == "english"
    index.remove([0])
    index.add(texts[1:10])
    index.add(texts[10:])
    assert index._spoken == "german" and len(index) == 10
    whole = BM25(language="auto").build(texts)
    whole.remove([0])
    queries = ["Hunde", "Katzen und Dächer", "dog"]
    assert (index.search(queries, 11).rows == whole.search(queries, 11).rows).all()
    index.save(tmp_path)
    again = BM25(language="auto").load(tmp_path)
    assert again._spoken == "german" and (again.search(queries, 11).rows == whole.search(queries, 11).rows).all()


def test_an_index_of_another_analyzer_is_refused(tmp_path):
    BM25(language="german").build(["Häuser"]).save(tmp_path)
    for other in (BM25(), BM25(stemmer="german"), BM25(language="german", marks="keep"), BM25(language="auto")):
        with pytest.raises(InputError, match="build it again"):
            other.load(tmp_path)
    assert BM25(language="german").load(tmp_path).search(["Haus"], 1).rows[0, 0] == 0
