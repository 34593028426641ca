"""Every registered stage keeps the promises of its role: a new one is checked without anyone remembering to."""

from __future__ import annotations

import importlib.util

import pytest
from tests.contracts.conftest import ARGUMENTS, MODELS, VARIANTS

from codomain import pipeline
from codomain.registry import _BUILT_IN, _NEEDS, aliases, names
from codomain.stage import Stage
from codomain.testing import checks

BUILT_IN = [name for name in sorted(_BUILT_IN["stage"]) if name not in MODELS]


def cases():
    for name in BUILT_IN:
        yield ARGUMENTS.get(name, f"{name}()")
    yield from VARIANTS


def skip(stage: str) -> None:
    package, extra = _NEEDS.get(stage, ("", ""))
    if package and importlib.util.find_spec(package) is None:
        pytest.skip(f"needs codomain[{extra}]")
    if stage == "onnx" and importlib.util.find_spec("onnx") is None:
        pytest.skip("needs codomain[export]")
    if stage == "autoencoder" and importlib.util.find_spec("torch") is None:
        pytest.skip("needs codomain[learn]")


@pytest.mark.parametrize("expression", list(cases()))
def test_it_keeps_the_promises_of_its_role(expression, files, subtests):
    name = expression.partition("(")[0]
    skip(name)
    stage: Stage = pipeline(files.get(name, expression)).stages[0]
    number = 0
    for check in checks(stage):
        with subtests.test(check.name):
            check.run()
        number += 1
    assert number > 5


@pytest.mark.needs_learn
@pytest.mark.parametrize("expression", ["minilm()", "late()"])
def test_models_keep_the_promises_of_encoders(expression, subtests):
    for check in checks(pipeline(expression).stages[0]):
        with subtests.test(check.name):
            check.run()


def test_no_name_is_also_an_alias():
    for name in names("stage"):
        assert not set(aliases("stage", name)) & set(names("stage"))
