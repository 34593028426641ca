"""Users' files: tables told apart by their columns, TREC's collections, run files that trec_eval reads."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure import evaluate, load
from codomain.measure.data.trec import read_topics

TREC = {
    "docs/one.trec": "<DOC>\n<DOCNO> FT-1 </DOCNO>\n<TITLE>Tax law</TITLE>\n<TEXT>\nThe tax &amp; the law.\n</TEXT>\n</DOC>\n"
    "<DOC>\n<DOCNO>FT-2</DOCNO>\n<TEXT>A red fox\nruns.</TEXT>\n</DOC>\n",
    "topics.txt": "<top>\n<num> Number: 301\n<title> foxes red\n\n<desc> Description:\nWhere are foxes?\n</top>\n\n"
    "<top>\n<num> Number: 302\n<title>\n<desc> Description:\nWhat is the law\non tax?\n\n<narr> Narrative:\nno\n</top>\n"
    "<top>\n<num> Number: 303\n<title> whales\n</top>\n",
    "qrels.txt": "301 0 FT-2 1\n301 0 FT-9 0\n302 0 FT-1 2\n",
}


def lay(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_trec_collection_is_read(tmp_path):
    data = load(lay(tmp_path, TREC))
    assert data.documents == {"FT-1": "Tax law The tax & the law.", "FT-2": "A red fox runs."}
    assert data.queries == {"301": "foxes red", "302": "What is the law on tax?"}
    assert data.qrels == {"301": {"FT-2": 1}, "302": {"FT-1": 2}}
    assert evaluate("bm25()", data, ["RR"]).mean("RR") == 1


def test_documents_may_be_json_lines_or_packed_and_topics_lines(tmp_path):
    files = {k: v for k, v in TREC.items() if not k.startswith("docs")}
    lay(tmp_path, files | {"topics.txt": "301\tred foxes\n"})
    (tmp_path / "documents.jsonl").write_text('{"id": "FT-1", "text": "law"}\n{"id": "FT-2", "text": "red fox"}\n')
    assert load(tmp_path).queries == {"301": "red foxes"}
    (tmp_path / "documents.jsonl").unlink()
    (tmp_path / "documents").mkdir()
    with gzip.open(tmp_path / "documents" / "a.gz", "wt") as file:
        file.write(TREC["docs/one.trec"])
    assert load(tmp_path).documents["FT-2"] == "A red fox runs."


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"qrels.txt": "301 0 FT-7 1\n"}, "FT-7"),
        ({"qrels.txt": "999 0 FT-1 1\n"}, "no topic has a judgment"),
        ({"docs/one.trec": "<DOC>\n<TEXT>x</TEXT>\n</DOC>\n"}, "no <DOCNO>"),
        ({"docs/one.trec": TREC["docs/one.trec"] * 2}, "there twice"),
        ({"docs/one.trec": "<DOC>\n<DOCNO>a</DOCNO>\n"}, "no </DOC>"),
        ({"topics.txt": "<top>\n<title> x\n</top>\n"}, "no <num>"),
    ],
)
def test_a_broken_collection_is_one_sentence(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        load(lay(tmp_path, TREC | changes))


def test_topics_of_the_classic_kind(tmp_path):
    assert read_topics(lay(tmp_path, TREC) / "topics.txt") == {
        "301": "foxes red", "302": "What is the law on tax?", "303": "whales",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "kind", "size"),
    [
        ("a.tsv", "label\ttext\nx\tone\ny\ttwo\n", "classification", 2),
        ("a.csv", 'text,label\n"one, two",x\nthree,y\n', "classification", 2),
        ("a.jsonl", '{"text": "one", "label": 3}\n{"text": "two", "label": 4}\n', "classification", 2),
        ("a.tsv", "sentence1\tsentence2\tscore\na\tb\t2.5\n", "similarity", 1),
        ("a.tsv", "question1\tquestion2\tlabel\na\tb\t1\nc\td\t0\n", "pairs", 2),
        ("a.tsv", "deu\teng\nHaus\thouse\n", "bitext", 1),
        ("a.tsv", "split\tlabel\ttext\ntrain\tx\tone\ntest\ty\ttwo\n", "classification", 1),
        ("a.tsv", "split\tlabel\ttext\nall\tx\tone\nall\ty\ttwo\n", "classification", 2),
    ],
)
def test_a_table_is_known_by_its_columns(tmp_path, name, text, kind, size):
    (tmp_path / name).write_text(text)
    data = load(tmp_path / name)
    assert (data.kind, len(data.labels) or len(data.pairs)) == (kind, size)


def test_a_title_goes_before_its_text(tmp_path):
    (tmp_path / "a.tsv").write_text('label\ttitle\ttext\nx\tOn "foxes"\tThey run.\n')
    assert load(tmp_path / "a.tsv").documents == {"0": 'On "foxes" They run.'}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no rows"),
        ("a\tb\tc\n1\t2\t3\n", "has the columns a, b, c"),
        ("sentence1\tsentence2\tscore\na\tb\tmuch\n", "no number"),
        ("sentence1\tsentence2\tlabel\na\tb\t2\n", "0 or 1"),
        ("label\ttext\nx\n", "no text or no label"),
        ("split\tlabel\ttext\ntrain\tx\tone\ndev\ty\ttwo\n", 'no rows of the split "test"'),
    ],
)
def test_a_broken_table_is_one_sentence(tmp_path, text, sentence):
    (tmp_path / "a.tsv").write_text(text)
    with pytest.raises(InputError, match=sentence):
        evaluate("bm25()", load(tmp_path / "a.tsv"))


def test_names_below_the_data_folder(tmp_path, monkeypatch):
    for folder, table in (("mail", "mail"), ("many", "one"), ("many", "two"), ("other", "two")):
        lay(tmp_path, {f"{folder}/{table}.tsv": "label\ttext\nx\tone\ny\ttwo\n"})
    monkeypatch.setenv("CODOMAIN_DATA", str(tmp_path))
    assert load("mail").name == "mail" and load("many/one").name == "many/one" and load("one").name == "one"
    with pytest.raises(InputError, match="several sets: many/one, many/two"):
        load("many")
    with pytest.raises(InputError, match="several folders: many, other"):
        load("two")


def test_a_sample_is_drawn_by_its_seed():
    data = load("wordnet")
    few = data.sample(20)
    assert len(few.queries) == len(few.qrels) == 20 and len(few.documents) == len(data.documents)
    assert few == data.sample(20) and few != data.sample(20, seed=1)


def test_trec_eval_itself_measures_a_run_file_as_we_do(tmp_path):
    pytrec_eval = pytest.importorskip("pytrec_eval")
    data = load("wordnet").sample(60)
    graded = {q: {d: 1 + i for i, d in enumerate(found)} for q, found in data.qrels.items()}
    data = replace(data, qrels=graded)
    found = evaluate("bm25()", data, ["nDCG@10", "AP", "RR", "R@10", "Success@1"], k=50)
    found.run.write(tmp_path / "run.trec")
    with (tmp_path / "run.trec").open() as file:
        run = pytrec_eval.parse_run(file)
    (tmp_path / "qrels.txt").write_text(
        "".join(f"{q} 0 {d} {g}\n" for q, own in graded.items() for d, g in own.items())
    )
    with (tmp_path / "qrels.txt").open() as file:
        judge = pytrec_eval.RelevanceEvaluator(
            pytrec_eval.parse_qrel(file), {"ndcg_cut.10", "map", "recip_rank", "recall.10", "success.1"}
        )
    theirs = judge.evaluate(run)
    names = {"nDCG@10": "ndcg_cut_10", "AP": "map", "RR": "recip_rank", "R@10": "recall_10", "Success@1": "success_1"}
    for ours, name in names.items():
        wanted = np.array([theirs.get(q, {}).get(name, 0.0) for q in data.queries])
        np.testing.assert_allclose([found.values[ours][q] for q in data.queries], wanted, atol=1e-6, err_msg=ours)


def test_ids_are_there_once(tmp_path):
    lay(tmp_path, {"corpus.jsonl": '{"_id": "1", "text": "a"}\n', "qrels.tsv": "q\t1\t1\n"})
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "a"}\n{"_id": "q", "text": "b"}\n')
    with pytest.raises(InputError, match="two queries with the id"):
        load(tmp_path)
    (tmp_path / "corpus.jsonl").write_text('{"_id": "1", "text": "a"}\n{"_id": "1", "text": "b"}\n')
    with pytest.raises(InputError, match='document "1" is there twice'):
        load(tmp_path)


def test_a_single_query_is_measured_without_more_certainty_than_it_has(tmp_path):
    lay(
        tmp_path,
        {"corpus.jsonl": '{"_id": "1", "text": "a fox"}\n{"_id": "2", "text": "a hen"}\n', "qrels.tsv": "q\t1\t1\n"},
    )
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "fox"}\n')
    found = evaluate("bm25()", load(tmp_path), ["RR"])
    assert found.interval("RR") == pytest.approx((0.025, 1.0), abs=0.005)  # Clopper and Pearson, one of one
    assert found.against(found, "RR").p == 1.0 and found.against(found, "RR").min_detectable == float("inf")


def test_trecs_documents_may_be_json_lines(tmp_path):
    lay(
        tmp_path,
        {
            "documents.jsonl": '{"_id": "d1", "title": "Fox", "text": "a red one", "year": 1}\n{"_id": "d2", "text": "hen"}\n',
            "topics.tsv": "1\tred fox\n",
            "qrels.txt": "1 0 d1 1\n1 0 gone 0\n1 0 d2 0\n",
        },
    )
    data = load(tmp_path)
    assert data.documents == {"d1": "Fox a red one", "d2": "hen"} and data.qrels == {"1": {"d1": 1, "d2": 0}}
    assert data.left_out == {'judgments "not relevant" of documents that are not there': 1}


def test_answer_selection_takes_one_split(tmp_path, monkeypatch):
    import gzip

    (tmp_path / "trecqa").mkdir()
    rows = [
        ("test", "who?", "a fox", "1"),
        ("test", "who?", "a hen", "0"),
        ("train", "when?", "today", "1"),
        ("test", "why?", "because", "0"),
    ]
    with gzip.open(tmp_path / "trecqa" / "trecqa.tsv.gz", "wt") as file:
        file.writelines("\t".join(row) + "\n" for row in [("split", "question", "answer", "label"), *rows])
    monkeypatch.setenv("CODOMAIN_DATA", str(tmp_path))
    data = load("trecqa")
    assert data.queries == {"q0": "who?"} and data.qrels == {"q0": {"a0": 1}}
    assert [*data.documents.values()] == ["a fox", "a hen", "because"]
    assert load("trecqa", "train").queries == {"q0": "when?"}
