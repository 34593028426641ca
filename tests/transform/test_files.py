"""Fitted transforms as files: the same vectors back, a stage of a pipeline, and what a damaged file says."""

import os

import numpy as np
import pytest
import safetensors.numpy

from codomain import pipeline
from codomain.errors import InputError, PipelineError
from codomain.transform import PCA, Int8, Normalize, Truncate
from codomain.transform.adapt.low_rank import LowRankAdapter
from codomain.transform.align.align import Align
from codomain.transform.align.relative import Relative
from codomain.transform.files import FittedTransform, load_transform, save_transform
from codomain.transform.fitted import FittedSiamese

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((80, 12)).astype(np.float32), RNG.standard_normal((80, 7)).astype(np.float32)
SAVED = [
    Align("procrustes").fit(X, Y),
    Relative(5, whiten=True).fit(X),
    PCA(6).fit(X),
    Normalize().fit(X),
    Truncate(3).fit(X),
]


@pytest.mark.parametrize("transform", SAVED, ids=str)
def test_a_file_gives_the_same_vectors_and_fingerprint(transform, tmp_path):
    path = tmp_path / "one.transform"
    save_transform(transform, path)
    back = load_transform(path)
    assert type(back) is type(transform) and back == transform
    assert np.array_equal(back.transform(X), transform.transform(X))
    assert back.fingerprint == transform.fingerprint == FittedTransform(str(path)).fingerprint
    assert os.listdir(tmp_path) == ["one.transform"]


def test_a_stage_applies_it_within_a_pipeline(tmp_path, monkeypatch):
    save_transform(SAVED[0], tmp_path / "to7")
    monkeypatch.chdir(tmp_path)
    line = pipeline("truncate(12) >> fitted('to7') >> flat()")
    stage = line.stages[1]
    assert line.gives == pipeline("flat()").gives and stage.output_dim(12) == 7 and not stage.needs_fit
    assert np.array_equal(stage.fit(X).transform(X), SAVED[0].transform(X))
    assert os.path.isabs(stage.path)
    monkeypatch.chdir("/")
    assert np.array_equal(stage.transform_queries(X), SAVED[0].transform(X))
    with pytest.raises(PipelineError, match="needs the 12 dimensions"):
        pipeline(f"hashed(64) >> fitted({stage.path!r}) >> flat()")


def test_a_stage_that_names_a_transform_takes_a_file_of_it_alone(tmp_path):
    for transform in SAVED[:3]:
        save_transform(transform, tmp_path / transform.name)
    aligned, related, reduced = (str(tmp_path / name) for name in ("align", "relative", "pca"))
    stage = pipeline(f"align({aligned!r}) >> flat()").stages[0]
    assert np.array_equal(stage.transform(X), SAVED[0].transform(X)) and stage.output_dim(12) == 7
    assert stage.fingerprint == SAVED[0].fingerprint and str(stage) == f"align({aligned!r})"
    assert pipeline(f"relative({related!r}) >> flat()").stages[0].output_dim(12) == 5
    with pytest.raises(InputError, match=r"holds relative, not align: write relative\("):
        pipeline(f"align({related!r}) >> flat()")
    with pytest.raises(InputError, match=r"holds pca, not relative: write fitted\("):
        pipeline(f"relative({reduced!r}) >> flat()").stages[0].transform(X)
    with pytest.raises(InputError, match="holds align, not siamese"):
        FittedSiamese(aligned).transform(X)


@pytest.mark.needs_learn
def test_an_adapter_of_queries_alone_leaves_documents_in_its_stage_too(tmp_path):
    adapter = LowRankAdapter(rank=4, side="query", epochs=15, lr=0.01).fit(X, np.roll(X, 1, axis=1))
    save_transform(adapter, tmp_path / "adapter")
    stage = FittedTransform(str(tmp_path / "adapter"))
    assert np.array_equal(stage.transform(X), X)
    assert np.array_equal(stage.transform_queries(X), adapter.transform_queries(X))


@pytest.mark.parametrize("transform", SAVED[:2], ids=str)
def test_any_changed_byte_is_noticed(transform, tmp_path):
    path = tmp_path / "x"
    save_transform(transform, path)
    raw = path.read_bytes()
    places = np.random.default_rng(0).integers(len(raw), size=60)
    for place in (*places.tolist(), len(raw) - 3):
        damaged = bytearray(raw)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            back = load_transform(path)
        except InputError as error:
            assert str(path) in str(error)
        else:  # white space or an order of keys within the header
            assert back.fingerprint == transform.fingerprint


@pytest.mark.parametrize("junk", [b"", b"junk" * 9, b"\xff" * 64, "short"])
def test_a_file_that_is_none_is_told_by_one_sentence(junk, tmp_path):
    path = tmp_path / "x"
    save_transform(SAVED[0], path)
    path.write_bytes(path.read_bytes()[:-9] if junk == "short" else junk)
    with pytest.raises(InputError, match=r"damaged|not a saved transform"):
        load_transform(path)
    with pytest.raises(InputError):
        pipeline(f"hashed(12) >> fitted({str(path)!r}) >> flat()")


def test_a_foreign_or_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_transform(tmp_path / "nothing")
    path = tmp_path / "x"
    path.write_bytes(safetensors.numpy.save({"a": X}))
    with pytest.raises(InputError, match="not a transform that this version"):
        load_transform(path)
    header = {"format": "codomain transform 1", "name": "os.system"}
    path.write_bytes(safetensors.numpy.save({"a": X}, header))
    with pytest.raises(InputError, match=r"names the transform 'os\.system'"):
        load_transform(path)
    path.write_bytes(safetensors.numpy.save({"a": X}, header | {"name": "pca"}))
    with pytest.raises(InputError, match="header cannot be read"):
        load_transform(path)


def test_what_cannot_be_saved_is_told(tmp_path):
    with pytest.raises(InputError, match="before it is fitted"):
        save_transform(Align(), tmp_path / "x")
    with pytest.raises(InputError, match="cannot be saved: only"):
        save_transform(Int8().fit(X), tmp_path / "x")
    with pytest.raises(InputError, match="cannot be written"):
        save_transform(SAVED[0], tmp_path / "no" / "x")
    with pytest.raises(PipelineError, match="needs the path"):
        pipeline("fitted(3) >> flat()")
    assert os.listdir(tmp_path) == []


def test_a_file_with_the_first_name_of_a_parameter_opens(tmp_path):
    """`Relative(centre=...)` became `Relative(center=...)`: files, fingerprints included, stay what they were."""
    import json

    import safetensors
    import safetensors.numpy

    from codomain.transform.align.relative import Relative

    X = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    transform = Relative(6, center=False).fit(X)
    assert "centre=False" in transform.identity and "center=False" in str(transform)
    save_transform(transform, tmp_path / "now")
    with safetensors.safe_open(tmp_path / "now", framework="numpy") as file:
        header = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    parameters = json.loads(header["parameters"])
    parameters["centre"] = parameters.pop("center")
    header["parameters"] = json.dumps(parameters)
    (tmp_path / "then").write_bytes(safetensors.numpy.save(arrays, header))
    assert np.array_equal(load_transform(tmp_path / "then").transform(X), transform.transform(X))
