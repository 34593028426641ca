"""What metered encoders cost: counted by hand, shown, and a limit that is kept before anything is encoded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests.endpoints.server import serving

import codomain as cd
from codomain.analyzer.tokens import estimate
from codomain.cli.app import app
from codomain.errors import InputError
from codomain.measure.cost import CostModel
from codomain.measure.data.datasets import Dataset
from codomain.registry import stage
from codomain.stage import Stage
from codomain.tuning import tune
from codomain.tuning.money import Bill, affordable, dollars
from codomain.tuning.options import Options
from codomain.tuning.reporting.report import table


@stage("metered", modalities=["text"], gives="dense")
class Metered(Stage):
    """Every word is a token, and the first thirty of a text are read."""

    dim = 8
    window = 30
    texts = 0

    @property
    def fingerprint(self) -> str:
        return "metered 8"

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([len(text.split()) for text in texts], np.int64)

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        Metered.texts += len(texts)
        return np.array([[len(text) % 7 + 1, *[1] * 7] for text in texts], np.float32)

    encode_queries = encode_documents


SPACE = ["bm25()", "static() >> flat()", "metered() >> flat()", "fuse(metered() >> flat(), static() >> flat())"]
PRICES = {"metered()": CostModel(20.0), "static()": CostModel(3.0)}


def of(data: Dataset, folder: Path, **options: Any) -> Any:
    settings: dict[str, Any] = {"space": SPACE, "engine": "inside", "confirm": False, "folder": folder, "race": False}
    return tune(data, **settings | options)


def by_hand(data: Dataset) -> tuple[float, float]:
    """Dollars of metered() at 20 a million tokens, for the documents and for 1,000 queries."""

    def tokens(texts: Iterable[str]) -> int:
        return sum(min(30, len(text.split())) for text in texts)

    return 20e-6 * tokens(data.documents.values()), 1000 * 20e-6 * tokens(data.queries.values()) / len(data.queries)


def test_the_bill_is_that_of_the_tokens_that_are_read(data: Dataset, tmp_path: Path) -> None:
    tuned = of(data, tmp_path, prices={"metered()": CostModel(20.0)})
    documents, queries = by_hand(data)
    expected = {SPACE[0]: (0, 0), SPACE[1]: (0, 0), SPACE[2]: (documents, queries), SPACE[3]: (documents, queries)}
    assert {name: (b.documents, b.queries) for name, b in tuned.bills.items()} == {
        name: pytest.approx(pair) for name, pair in expected.items()
    }
    facts = {trial["pipeline"]: trial for trial in tuned.as_json()["trials"]}
    assert facts[SPACE[2]]["usd_documents"] == pytest.approx(documents)
    assert facts[SPACE[3]]["usd_1000_queries"] == pytest.approx(queries)
    assert any("by the prices of metered(); no other work is billed" in one for one in tuned.sentences)
    lines = table(tuned.rows, tuned.metric, tuned.bills)
    assert lines[0].endswith("documents    1000 q.  pipeline") and all("$" in line for line in lines[1:])
    assert "$" not in "".join(table(tuned.rows, tuned.metric))


def test_two_priced_encoders_are_added_and_estimates_are_said(data: Dataset, tmp_path: Path) -> None:
    tuned = of(data, tmp_path, prices=PRICES)
    bills = tuned.bills
    for part in ("documents", "queries"):
        one, other, both = (getattr(bills[SPACE[i]], part) for i in (1, 2, 3))
        assert both == pytest.approx(one + other) and one > 0
    assert any(
        "Tokens are estimated, rather more than fewer, for encoders that count none: static()." in one
        for one in tuned.sentences
    )
    # as WordPiece counts: about one and a half tokens a word of these
    words = sum(len(text.split()) for text in data.documents.values())
    assert 1.0 < bills[SPACE[1]].documents / (words * 3e-6) < 2.0


def test_what_costs_too_much_is_never_encoded(data: Dataset, tmp_path: Path) -> None:
    Metered.texts = 0
    documents, queries = by_hand(data)
    tuned = of(
        data,
        tmp_path,
        prices={"metered()": CostModel(20.0)},
        max_usd=documents + queries - 1e-6,
        now=SPACE[2],
        sizes=["all"],
    )
    assert Metered.texts == 0
    skipped = {o.expression: o.reason for o in tuned.outcomes if o.status == "skipped"}
    assert {*skipped} == {*SPACE[2:]} and "for the documents and 1,000 queries, more than $" in skipped[SPACE[2]]
    assert tuned.recommended in SPACE[:2] and tuned.sentences[0].startswith("Nothing is known of the encoder metered()")
    assert {g.outcome.expression for g in tuned.growth} == {tuned.recommended}
    within = of(data, tmp_path / "b", prices={"metered()": CostModel(20.0)}, max_usd=documents + queries + 1e-6)
    assert Metered.texts > 0 and all(o.status == "done" for o in within.outcomes)


def test_weights_that_are_tried_later_have_their_bills(data: Dataset, tmp_path: Path) -> None:
    tuned = tune(
        data,
        encoders=["static()"],
        most=12,
        engine="inside",
        confirm=False,
        folder=tmp_path,
        prices={"static()": CostModel(3.0)},
    )
    assert {*tuned.bills} == {o.expression for o in tuned.outcomes}
    priced = {b.documents for name, b in tuned.bills.items() if "static" in name}
    assert len(priced) == 1 and all(b.documents == 0 for name, b in tuned.bills.items() if "static" not in name)


def test_prices_that_cannot_be(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a price is a CostModel, not 0\.02"):
        of(data, tmp_path, prices={"static()": 0.02})
    with pytest.raises(InputError, match=r"a price is for one encoder, and bm25\(\) is none"):
        of(data, tmp_path, prices={"bm25()": CostModel(1)})
    with pytest.raises(InputError, match="a price is for one encoder, and nothing is none"):
        of(data, tmp_path, prices={"nothing": CostModel(1)})
    with pytest.raises(InputError, match=r"a price for static\(\), which is in none of the pipelines"):
        of(data, tmp_path, space=["bm25()"], prices={"static()": CostModel(1)})
    with pytest.raises(InputError, match="no pipeline stays within \\$1e-06: the cheapest costs \\$0"):
        of(data, tmp_path, space=SPACE[2:], prices={"metered()": CostModel(20)}, max_usd=1e-6)
    with pytest.raises(InputError, match="max_usd needs prices"):
        of(data, tmp_path, space=["bm25()"], max_usd=3)  # no encoder brings one along
    with pytest.raises(InputError, match="dollars of at least 0, not -1"):
        Options(max_usd=-1)


def test_prices_on_the_command_line(data: Dataset, tmp_path: Path) -> None:
    with cd.create(tmp_path / "c", "bm25()") as collection:
        collection.add({"id": id, "text": text} for id, text in data.documents.items())
    id = next(iter(data.documents))
    (tmp_path / "log.jsonl").write_text(json.dumps({"query": "game", "clicked": [id]}))
    (tmp_path / "pipelines").write_text("bm25()\nstatic() >> flat()\n")
    command = [
        "tune",
        str(tmp_path / "c"),
        "--clicks",
        str(tmp_path / "log.jsonl"),
        "--pipelines",
        str(tmp_path / "pipelines"),
    ]
    said = CliRunner().invoke(app, [*command, "--price", "static()=3", "--max-usd", "0.00001"])
    assert said.exit_code == 0, said.output
    assert "$0.00" in said.stdout and "more than $1e-05" in said.stdout
    said = CliRunner().invoke(app, [*command, "--price", "static()"])
    assert "--price is an encoder and dollars for a million tokens" in str(said.exception)


def test_what_is_affordable_costs_no_more_than_the_limit() -> None:
    found = {"a": Bill(0.5, 0.25), "b": Bill(1.0, 1.0), "c": Bill(0.0, 0.0)}
    assert found["a"].total == 0.75
    assert affordable([*"abcd"], found, 0.75) == (
        [*"acd"],
        {"b": "it would cost $2.00 for the documents and 1,000 queries, more than $0.75"},
    )
    assert affordable([*"abc"], found, None) == ([*"abc"], {})
    with pytest.raises(InputError, match=r"no pipeline stays within \$0\.1: the cheapest costs \$0\.75"):
        affordable([*"ba"], found, 0.1)
    amounts = {0: "$0.00", 0.5: "$0.5", 1: "$1.00", 1e-4: "$0.0001", 12345.678: "$12,345.68", 9.876e-5: "$9.9e-05"}
    assert {amount: dollars(amount) for amount in amounts} == amounts


def test_an_encoder_of_a_server_brings_its_price_along(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))
    with serving() as server:
        cheap, dear = (
            str(cd.openai(name, f"{server.url}/v1", price=price)) for name, price in (("m", 0.02), ("n", 1e6))
        )
        space = ["bm25()", f"{cheap} >> flat()", f"{dear} >> flat()"]
        tuned = of(data, tmp_path, space=space, max_usd=10.0)
        assert {body["model"] for _, body, _ in server.requests} == {"m"}  # nobody is paid for what costs too much
    sentences = " ".join(tuned.sentences)
    assert f"by the prices of {cheap}" in sentences and "Tokens are estimated" in sentences
    words = sum(estimate([*data.documents.values()]))
    assert tuned.bills[f"{cheap} >> flat()"].documents == pytest.approx(words * 0.02 / 1e6, rel=0.01)
