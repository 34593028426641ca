"""codomain benchmark: what is written can be measured, what cannot be made is one sentence."""

import json

import pytest
from click.testing import CliRunner

from codomain.cli.app import app
from codomain.errors import InputError
from codomain.measure import evaluate, load


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))

    def call(*arguments):
        result = CliRunner().invoke(app, ["benchmark", *arguments])
        if isinstance(result.exception, InputError):
            raise result.exception
        return result.exit_code, result.stdout

    return call


def test_a_limit_set_is_written_and_measured(run):
    code, out = run("limit", "small", "--documents", "60", "--queries", "45")
    data = load("small")
    assert code == 0 and "60 documents, 45 queries" in out and "query strength" in out
    assert len(data.documents) == 60 and all(len(own) == 2 for own in data.qrels.values())
    assert evaluate("bm25()", data, ["R@2"], k=2).mean("R@2") > 0.9
    with pytest.raises(InputError, match="cannot be written: File exists"):
        run("limit", "small", "--documents", "60", "--queries", "45")


def test_a_pool_is_written(run):
    code, _ = run("reduce", "wordnet", "pool", "-p", "bm25()", "-p", "hashed(64)", "--depth", "5", "--queries", "30")
    whole, pool = load("wordnet"), load("pool")
    assert code == 0 and len(pool.queries) == 30 and len(pool.documents) < 1_000
    assert all(whole.documents[id] == text for id, text in pool.documents.items())


def test_a_corpus_grows(run):
    run("reduce", "wordnet", "pool", "-p", "bm25()", "--depth", "50", "--queries", "20")
    code, out = run("grow", "pool", "hashed(64)", "hashed(64) >> binary()", "--sizes", "200,280", "--json")
    points = [json.loads(line) for line in out.strip().split("\n")]
    assert code == 0 and [point["size"] for point in points] == [200, 200, 280, 280]
    assert points[0]["gap"]["difference"] == 0 and points[0]["mean"] >= points[2]["mean"]
    assert "of ten" in run("grow", "pool", "hashed(64)", "--sizes", "300")[1]
    with pytest.raises(InputError, match="whole numbers"):
        run("grow", "pool", "hashed(64)", "--sizes", "many")
