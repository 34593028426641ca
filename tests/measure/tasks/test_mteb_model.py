"""Pipelines as models of mteb: run for real on local tasks, against our own numbers on the same data."""

import numpy as np
import pytest

pytest.importorskip("mteb")
pytest.importorskip("torch")

import mteb
from datasets import Dataset as Table
from datasets import DatasetDict
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering import AbsTaskClustering
from mteb.abstasks.pair_classification import AbsTaskPairClassification
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models import EncoderProtocol, SearchProtocol

from codomain.errors import InputError
from codomain.measure import Dataset, as_mteb, evaluate, load

WORDNET = load("wordnet")
FIELDS = ["noun.animal", "noun.plant", "noun.person", "noun.artifact"]


def metadata(name, kind, score):
    return TaskMetadata(
        type=kind, name=name, main_score=score, description="local", reference=None, modalities=["text"],
        dataset={"path": "local", "revision": "1"}, category="t2t", eval_splits=["test"], eval_langs=["eng-Latn"],
        date=("2006-01-01", "2006-12-31"), dialect=[], domains=["Written"], task_subtypes=[], license="not specified",
        annotations_creators="derived", sample_creation="found", bibtex_citation="",
    )  # fmt: skip


def local(base, name, kind, score, data):
    """A task whose data are here: nothing is asked of the hub."""

    def load_data(self, num_proc=None, **kwargs):
        self.dataset = data
        self.data_loaded = True

    return type(name, (base,), {"metadata": metadata(name, kind, score), "load_data": load_data})()


def scores(model, task):
    result = mteb.evaluate(model, task, cache=None, show_progress_bar=False, co2_tracker=False)
    return result.task_results[0].scores["test"][0]


def small():
    queries = dict(list(WORDNET.queries.items())[:80])
    qrels = {q: WORDNET.qrels[q] for q in queries}
    wanted = {d for found in qrels.values() for d in found}
    documents = {d: t for i, (d, t) in enumerate(WORDNET.documents.items()) if d in wanted or i % 8 == 0}
    return Dataset("small", documents=documents, queries=queries, qrels=qrels)


def retrieval(data, top_ranked=None):
    rows = {
        "corpus": Table.from_list([{"id": d, "title": "", "text": t} for d, t in data.documents.items()]),
        "queries": Table.from_list([{"id": q, "text": t} for q, t in data.queries.items()]),
        "relevant_docs": data.qrels,
        "top_ranked": top_ranked,
    }
    return local(AbsTaskRetrieval, "LocalRetrieval", "Retrieval", "ndcg_at_10", {"default": {"test": rows}})


def labeled():
    fields = {id: str(WORDNET.metadata[id]["field"]) for id in WORDNET.documents}
    return [(WORDNET.documents[id], field) for id, field in fields.items() if field in FIELDS][::4]


PAIRS = [
    ("a small cat", "a kitten", 4.5), ("a small cat", "the tax law", 0.1), ("a fast car", "an automobile", 4.0),
    ("red wine", "seven", 0.5), ("the king of France", "a French king", 4.8), ("a river", "a stream of water", 3.9),
    ("a loaf of bread", "a violin", 0.3), ("a violin", "a string instrument", 3.5),
]  # fmt: skip


@pytest.mark.parametrize(
    "expression",
    ["static()", "bm25()", "fuse(static(), bm25())", "static() >> int8()", "static() >> binary()"],
)
def test_a_retrieval_task_says_what_our_own_evaluation_says(expression):
    data = small()
    theirs = scores(as_mteb(expression), retrieval(data))
    ours = evaluate(expression, data, ["nDCG@10", "R@100", "AP", "RR@10"], k=1000)
    assert theirs["ndcg_at_10"] == pytest.approx(ours.mean("nDCG@10"), abs=0.001)
    assert theirs["recall_at_100"] == pytest.approx(ours.mean("R@100"), abs=0.001)
    assert theirs["map_at_1000"] == pytest.approx(ours.mean("AP"), abs=0.001)
    assert theirs["mrr_at_10"] == pytest.approx(ours.mean("RR@10"), abs=0.001)


def test_what_mteb_searches_by_itself_with_our_vectors_comes_to_the_same():
    class EncodesOnly:
        def __init__(self, model):
            self.encode, self.similarity = model.encode, model.similarity
            self.similarity_pairwise, self.mteb_model_meta = model.similarity_pairwise, model.mteb_model_meta

    model, data = as_mteb("static() >> flat()"), small()
    alone = EncodesOnly(model)
    assert isinstance(alone, EncoderProtocol) and not isinstance(alone, SearchProtocol)
    assert scores(alone, retrieval(data))["ndcg_at_10"] == pytest.approx(
        evaluate("static() >> flat()", data, k=1000).mean("nDCG@10"), abs=0.001
    )


def test_reranking_stays_among_the_documents_given():
    data = small()
    given = {q: [*found, *list(data.documents)[:9]] for q, found in data.qrels.items()}
    model = as_mteb("bm25()")
    rows = [{"id": q, "text": t} for q, t in data.queries.items()]
    model.index([{"id": d, "text": t} for d, t in data.documents.items()])
    found = model.search(rows, top_k=100, top_ranked=given)
    assert all(set(own) <= set(given[q]) for q, own in found.items()) and len(found) > 60
    assert scores(model, retrieval(data, given))["ndcg_at_10"] > scores(model, retrieval(data))["ndcg_at_10"]


def test_a_similarity_task_gives_our_correlation():
    columns = {"sentence1": [p[0] for p in PAIRS], "sentence2": [p[1] for p in PAIRS], "score": [p[2] for p in PAIRS]}
    task = local(AbsTaskSTS, "LocalSTS", "STS", "cosine_spearman", DatasetDict(test=Table.from_dict(columns)))
    task.min_score, task.max_score = 0, 5
    for expression in ("static()", "static() >> truncate(64) >> int8()"):
        ours = evaluate(expression, Dataset("pairs", "similarity", pairs=PAIRS)).mean("Spearman")
        assert scores(as_mteb(expression), task)["cosine_spearman"] == pytest.approx(ours, abs=0.001)


def test_classification_and_clustering_run_and_beat_chance():
    rows = labeled()
    texts, names = [t for t, _ in rows], [FIELDS.index(f) for _, f in rows]
    split = {
        "train": Table.from_dict({"text": texts[::2], "label": names[::2]}),
        "test": Table.from_dict({"text": texts[1::2], "label": names[1::2]}),
    }
    task = local(AbsTaskClassification, "LocalClasses", "Classification", "accuracy", DatasetDict(split))
    share = max(np.bincount(names)) / len(names)
    assert scores(as_mteb("static()"), task)["accuracy"] > share
    # PCA learns: from the first texts of the task, or from a sample
    assert scores(as_mteb("static() >> pca(32)"), task)["accuracy"] > share
    assert scores(as_mteb("static() >> pca(32)", sample=texts), task)["accuracy"] > share
    data = DatasetDict(test=Table.from_dict({"sentences": texts, "labels": [[n] for n in names]}))
    clusters = local(AbsTaskClustering, "LocalClusters", "Clustering", "v_measure", data)
    assert scores(as_mteb("static()"), clusters)["v_measure"] > 0.1


def test_pair_classification_gives_our_average_precision():
    columns = {"sentence1": [[p[0] for p in PAIRS]], "sentence2": [[p[1] for p in PAIRS]]}
    columns["labels"] = [[int(p[2] > 3) for p in PAIRS]]
    data = DatasetDict(test=Table.from_dict(columns))
    task = local(AbsTaskPairClassification, "LocalPairs", "PairClassification", "max_ap", data)
    assert scores(as_mteb("static()"), task)["cosine_ap"] > 0.8


def test_a_pipeline_without_vectors_searches_only():
    assert isinstance(as_mteb("bm25()"), SearchProtocol) and not isinstance(as_mteb("bm25()"), EncoderProtocol)
    with pytest.raises(InputError, match="before search"):
        as_mteb("bm25()").search([], top_k=1)


def test_name_and_revision_tell_models_apart():
    a, b = as_mteb("static() >> truncate(64)").mteb_model_meta, as_mteb("static() >> truncate(32)").mteb_model_meta
    assert a.name != b.name and a.revision != b.revision
    assert as_mteb("bm25()", name="me/mine").mteb_model_meta.name == "me/mine"
    assert as_mteb("static() >> truncate(64)").mteb_model_meta.revision == a.revision


@pytest.mark.needs_data
def test_scifact_is_the_same_for_mteb_for_trec_eval_and_for_us(tmp_path):
    pytrec_eval = pytest.importorskip("pytrec_eval")
    data = load("scifact")
    found = evaluate("static()", data, ["nDCG@10"], k=100)
    theirs = scores(as_mteb("static()"), retrieval(data))["ndcg_at_10"]
    found.run.write(tmp_path / "run")
    with (tmp_path / "run").open() as file:
        judged = pytrec_eval.RelevanceEvaluator(data.qrels, {"ndcg_cut.10"}).evaluate(pytrec_eval.parse_run(file))
    assert theirs == pytest.approx(found.mean("nDCG@10"), abs=0.001)
    assert np.mean([one["ndcg_cut_10"] for one in judged.values()]) == pytest.approx(found.mean("nDCG@10"), abs=1e-6)
