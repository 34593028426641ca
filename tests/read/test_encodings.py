"""Texts in the encodings that files have, with and without a word on which it is."""

from __future__ import annotations

import pytest

from codomain.errors import InputError
from codomain.read.encodings import by_name, decode

TEXTS = {
    "cp1252": "Die Prüfung der Häuser ist schön und größer als gedacht. “Ja”, sagte er – für 5 €.",
    "cp1251": "Москва — столица России, крупнейший по численности населения город.",
    "koi8-r": "Быстрая коричневая лиса прыгает через собаку у реки.",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy nad městem.",
    "cp1254": "İstanbul Türkiye'nin en kalabalık şehridir, güzel ve büyüktür.",
    "shift_jis": "東京は日本の首都です。人口が多い都市です。",
    "euc_jp": "東京は日本の首都です。人口が多い都市です。",
    "gb18030": "北京是中华人民共和国的首都，也是全国的政治中心。",
    "big5": "臺北市是中華民國的首都，人口眾多。",
    "cp949": "서울은 대한민국의 수도이며 인구가 많은 도시이다.",
    "cp1253": "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας και μεγάλη πόλη.",
    "cp1256": "القاهرة هي عاصمة جمهورية مصر العربية وأكبر مدنها",
}


@pytest.mark.parametrize("codec", TEXTS)
def test_an_encoding_that_nothing_names_is_seen_by_its_language(codec):
    pytest.importorskip("charset_normalizer")
    assert decode(TEXTS[codec].encode(codec))[0] == TEXTS[codec]


@pytest.mark.parametrize(
    "text", ["café", "naïve", "Ärger", "5 °C ± 2", "id,text\n1,Müller\n2,Söder\n", "El niño comió piña"]
)
def test_a_few_accents_are_western(text):
    assert decode(text.encode("cp1252")) == (text, "windows-1252")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_needs_no_guess(codec):
    assert decode("naïve 東京".encode(codec)) == ("naïve 東京", None)


def test_names_mean_what_browsers_mean():
    # https://encoding.spec.whatwg.org/#names-and-labels
    for name, codec in {"latin1": "cp1252", "US-ASCII": "cp1252", "gb2312": "gb18030", "shift_jis": "cp932"}.items():
        assert by_name(name) == codec
    assert by_name("no-such") is None and by_name("hex") is None and by_name("rot13") is None


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_an_encoding_that_the_user_names(tmp_path, read, name):
    text = {"a.txt": "да", "a.csv": "id,text\n1,да\n", "a.jsonl": '{"id": 1, "text": "да"}\n'}[name]
    (tmp_path / name).write_bytes(text.encode("koi8-r"))
    (record,), bad = read(tmp_path / name, encoding="koi8-r")
    assert record.text == "да" and not bad
    with pytest.raises(InputError, match="there is no encoding 'klingon'"):
        read(tmp_path / name, encoding="klingon")


def test_a_guess_is_said_once_a_file(tmp_path, read):
    (tmp_path / "t.csv").write_bytes("id,text\n1,Müller\n2,Söder\n".encode("latin-1"))
    found, bad = read(tmp_path / "t.csv")
    assert [r.text for r in found] == ["Müller", "Söder"]
    assert [(b.kind, b.line, b.reason) for b in bad] == [("encoding", 2, "is not UTF-8 and was read as windows-1252")]
