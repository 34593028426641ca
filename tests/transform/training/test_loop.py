"""The one training loop against gradient descent by hand, and that an interrupted training ends as an uninterrupted one."""

import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.needs_learn
torch = pytest.importorskip("torch", reason="needs codomain[learn]")

from torch import nn  # noqa: E402

from codomain.errors import InputError  # noqa: E402
from codomain.transform.training.checkpoint import Checkpoint  # noqa: E402
from codomain.transform.training.loop import Loop, Update, seeded, warmup_linear  # noqa: E402

WORKER = Path(__file__).with_name("loop_worker.py")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.1 * RNG.standard_normal(24)


def line():
    """A linear map that begins at zero, in float64."""
    model = nn.Linear(3, 1, bias=False).double()
    nn.init.zeros_(model.weight)
    return model


def squared_error(model):
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    return lambda rows: ((model(x[rows])[:, 0] - y[rows]) ** 2).mean()


def halves(epoch):
    return np.array_split(np.random.default_rng(epoch).permutation(24), 2)


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps_are_those_of_gradient_descent_by_hand(clip, decay):
    model, schedule = line(), warmup_linear(5)
    optimizer = torch.optim.SGD(model.parameters(), 0.2, weight_decay=decay)
    outcome = Loop(model, [Update(squared_error(model), optimizer)], halves, 10, schedule, clip).run()
    w = np.zeros(3)
    for step in range(20):
        rows = halves(step // 2)[step % 2]
        gradient = 2 * X[rows].T @ (X[rows] @ w - Y[rows]) / len(rows)
        if clip:
            gradient *= min(1, clip / np.linalg.norm(gradient))
        w -= 0.2 * (1 - step / 20) * min(1, (step + 1) / 5) * (gradient + decay * w)
    assert np.allclose(model.weight.detach().numpy()[0], w, atol=1e-6)
    assert outcome.steps == 20 and outcome.epochs == 10 and outcome.best is None


def test_updates_take_turns_within_a_batch():
    model, turns = line(), []
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def of(name):
        def loss(rows):
            turns.append(name)
            return squared_error(model)(rows)

        return Update(loss, optimizer)

    Loop(model, [of("judge"), of("translator")], halves, 2).run()
    assert turns == ["judge", "translator"] * 4


@pytest.mark.parametrize(
    ("values", "patience", "epochs", "best"),
    [([1, 3, 2, 2, 5, 9], 2, 4, 2), ([1, 3, 2, 4, 2, 2], 2, 6, 4), ([3, 3, 3, 3, 3, 3], 3, 4, 1), ([5, 4, 3, 2, 1, 0], None, 6, 1)],
)  # fmt: skip
def test_training_stops_after_epochs_without_a_better_value_and_keeps_the_best_weights(values, patience, epochs, best):
    model, seen = line(), []

    def validate():
        assert not model.training and not torch.is_grad_enabled()
        seen.append(model.weight.detach().clone())
        return values[len(seen) - 1]

    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    outcome = Loop(
        model, [Update(squared_error(model), optimizer)], halves, 6, validate=validate, patience=patience
    ).run()
    assert (outcome.epochs, outcome.best_epoch, outcome.best) == (epochs, best, values[best - 1])
    assert torch.equal(model.weight, seen[best - 1]) and not model.training


def test_a_value_that_is_never_a_number_leaves_the_model_as_it_was():
    model = line()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    outcome = Loop(
        model, [Update(squared_error(model), optimizer)], halves, 6, validate=lambda: float("nan"), patience=2
    ).run()
    assert outcome.epochs == 2 and outcome.best is None and not model.weight.any()


def test_progress_and_the_share_that_is_done_are_reported():
    model, told, shares = line(), [], []
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    Loop(
        model, [Update(squared_error(model), optimizer)], halves, 2,
        before_step=shares.append, progress=lambda *said: told.append(said),
    ).run()  # fmt: skip
    assert told == [("step", 1, 4), ("step", 2, 4), ("step", 3, 4), ("step", 4, 4)]
    assert shares == [0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_an_error_that_names_the_batch_and_changes_nothing(wrong):
    model, at = line(), []

    def loss(rows):
        at.append(model.weight.detach().clone())
        return squared_error(model)(rows) + (wrong if len(at) == 4 else 0)

    with pytest.raises(InputError, match="epoch 2, batch 2"):
        Loop(model, [Update(loss, torch.optim.SGD(model.parameters(), 0.1))], halves, 3).run()
    assert torch.equal(model.weight, at[-1])


def test_no_epochs_and_no_rows_leave_the_model_as_it_was():
    for batches, epochs in ((halves, 0), (lambda epoch: [], 3)):
        model = line()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        assert Loop(model, [Update(squared_error(model), optimizer)], batches, epochs).run().steps == 0
        assert not model.weight.any()


def test_a_seed_repeats_and_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    with seeded(3):
        one = torch.rand(2)
    with seeded(3):
        two = torch.rand(2)
    assert torch.equal(one, two) and torch.rand(1) == expected


# --- interruption -----------------------------------------------------------------------------------------------


def noisy(checkpoint=None, stop_at=None, optimizer=torch.optim.AdamW):
    """A training that draws in every way there is: batches from numpy and from torch, dropout, a best epoch kept."""
    rng, done = np.random.default_rng(1), []
    x, y = torch.from_numpy(X).float(), torch.from_numpy(Y).float()
    with seeded(7):
        model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))
        arguments = {"momentum": 0.9} if optimizer is torch.optim.SGD else {}

        def batches(epoch):
            first, second = np.array_split(rng.permutation(12), 2), torch.randperm(12) + 12
            return [*first, second[:6].numpy(), second[6:].numpy()]

        def loss(rows):
            if len(done) == stop_at:
                raise KeyboardInterrupt
            done.append(rows)
            return ((model(x[rows])[:, 0] - y[rows]) ** 2).mean()

        outcome = Loop(
            model, [Update(loss, optimizer(model.parameters(), 0.02, **arguments))], batches, 6, warmup_linear(3), 1.0,
            validate=lambda: -float(((model(x)[:, 0] - y) ** 2).mean()), checkpoint=checkpoint, generators=[rng],
        ).run()  # fmt: skip
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}, outcome, len(done)


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD])
@pytest.mark.parametrize("stop_at", [0, 1, 3, 4, 9, 23])
def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path, stop_at, optimizer):
    expected, whole, _ = noisy(optimizer=optimizer)
    kept = Checkpoint(tmp_path / "folder" / "state", "key", every=0)
    with pytest.raises(KeyboardInterrupt):
        noisy(kept, stop_at, optimizer)
    found, outcome, steps = noisy(kept, optimizer=optimizer)
    assert outcome == whole and steps == 24 - stop_at
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_finished_training_is_not_repeated(tmp_path):
    kept = Checkpoint(tmp_path / "state", "key")
    expected, whole, _ = noisy(kept)
    found, outcome, steps = noisy(kept)
    assert outcome == whole and steps == 0
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_killed_training_ends_as_one_that_was_not(tmp_path, capsys):
    train = runpy.run_path(str(WORKER))["main"]
    kept, result = str(tmp_path / "state"), tmp_path / "result.npy"
    command = [sys.executable, str(WORKER), kept, str(result), "0.01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        for _ in range(20):  # the third of ten epochs
            assert killed.stdout.readline()
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL and not result.exists()
    train(kept, str(result), 0)
    first, *_, last = map(int, capsys.readouterr().out.split())
    assert first >= 20 and last == 80  # it continued, it did not begin again
    train(str(tmp_path / "whole"), str(tmp_path / "whole.npy"), 0)
    assert np.array_equal(np.load(result), np.load(tmp_path / "whole.npy"))


# --- checkpoints ------------------------------------------------------------------------------------------------


def test_a_checkpoint_keeps_every_kind_of_value(tmp_path):
    state = {
        "tensors": [torch.arange(3), torch.tensor(2.5), torch.zeros(0, 4)], "none": None, "pair": (1, "a"),
        "numbers as keys": {0: {"big": 2**100, "nan": -np.inf}, "1": True}, "numpy": np.float32(0.5), "empty": {},
    }  # fmt: skip
    kept = Checkpoint(tmp_path / "state", "key")
    assert kept.read() is None
    kept.write(state)
    found = kept.read()
    assert all(
        torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(found["tensors"], state["tensors"], strict=True)
    )
    for name in ("none", "pair", "numbers as keys", "numpy", "empty"):
        assert found[name] == state[name] and type(found[name]) is not list
    kept.remove()
    assert kept.read() is None


def test_what_a_checkpoint_cannot_keep_is_an_error_not_a_pickle(tmp_path):
    with pytest.raises(TypeError, match="cannot hold set"):
        Checkpoint(tmp_path / "state", "key").write({"a": {1, 2}})
    assert not (tmp_path / "state").exists()


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    noisy(Checkpoint(tmp_path / "state", "rate 1"))
    with pytest.raises(InputError, match="other data or settings"):
        noisy(Checkpoint(tmp_path / "state", "rate 2"))


@pytest.mark.parametrize("content", [b"", b"no safetensors at all", None, b"shorter"])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path, content):
    kept = Checkpoint(tmp_path / "state", "key")
    noisy(kept)
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole[: len(whole) // 2] if content == b"shorter" else content or whole[:40])
    with pytest.raises(InputError, match="is damaged: remove it to begin again"):
        kept.read()


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(tmp_path, monkeypatch):
    kept = Checkpoint(tmp_path / "state", "key")
    kept.write({"a": 1})

    def full(tensors, path, header):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("codomain.transform.training.checkpoint.save_file", full)
    with pytest.raises(InputError, match=r"cannot be written: .*No space left"):
        kept.write({"a": 2})
    assert kept.read() == {"a": 1} and [p.name for p in tmp_path.iterdir()] == ["state"]


def test_a_checkpoint_is_due_after_its_seconds(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("codomain.transform.training.checkpoint.time.monotonic", lambda: now[0])
    kept = Checkpoint(tmp_path / "state", "key", every=60)
    assert not kept.due()
    now[0] = 160
    assert kept.due()
    kept.write({})
    assert not kept.due()
