"""What every objective promises, whichever are registered: gradients, columns and labels, both trainers' ways of calling it."""

import json

import pytest

pytestmark = pytest.mark.needs_learn
torch = pytest.importorskip("torch", reason="needs codomain[learn]")

from codomain.errors import InputError  # noqa: E402
from codomain.learn.arguments import arguments_of, make  # noqa: E402
from codomain.learn.contracts import Objective  # noqa: E402
from codomain.registry import names  # noqa: E402

DIM, ROWS = 4, 6
ARGUMENTS = {"stationary": {"K": DIM + 1}}
"""Of objectives that cannot be made without: such that embeddings have DIM dimensions."""


@pytest.fixture(params=names("objective"))
def name(request):
    return request.param


def made(name):
    return make("objective", name, ARGUMENTS.get(name)).double()


def batch(objective, columns, rows=ROWS, seed=0):
    """Embeddings (float64, one tensor a column) and labels of the kind that the objective takes."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    labels = {
        "none": lambda: None,
        "class": lambda: torch.arange(rows) % 3,
        "group": lambda: torch.arange(rows) // 2,
        "scores": lambda: normal(rows),
        "teacher_embeddings": lambda: normal(rows, DIM),
    }[objective.labels]()
    return [normal(rows, DIM) for _ in range(columns)], labels


def numbers_of_columns(objective):
    least, most = objective.columns
    return [least] if most == least else [least, least + 1, least + 2]


def total(found):
    return torch.stack([*found.values()]).sum() if isinstance(found, dict) else found


def test_the_loss_is_a_finite_scalar_and_repeats(name):
    objective = made(name)
    for columns in numbers_of_columns(objective):
        embeddings, labels = batch(objective, columns)
        first, second = (total(objective.compute_loss_from_embeddings(embeddings, labels)) for _ in range(2))
        assert first.shape == () and torch.isfinite(first) and first == second


def test_gradients_are_those_of_finite_differences(name):
    objective = made(name)
    for columns in numbers_of_columns(objective):
        embeddings, labels = batch(objective, columns)
        leaves = [column.requires_grad_() for column in embeddings]
        assert torch.autograd.gradcheck(
            lambda *E, labels=labels: total(objective.compute_loss_from_embeddings(E, labels)), leaves
        )


def test_every_column_gets_a_gradient(name):
    objective = made(name)
    for columns in numbers_of_columns(objective):
        embeddings, labels = batch(objective, columns)
        leaves = [column.requires_grad_() for column in embeddings]
        total(objective.compute_loss_from_embeddings(leaves, labels)).backward()
        assert all(leaf.grad is not None and leaf.grad.abs().sum() > 0 for leaf in leaves)


def test_training_on_a_batch_lowers_its_loss(name):
    objective = made(name)
    embeddings, labels = batch(objective, objective.columns[0])
    leaves = [column.requires_grad_() for column in embeddings]
    optimizer = torch.optim.SGD([*leaves, *objective.parameters()], 0.05)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        losses.append(total(objective.compute_loss_from_embeddings(leaves, labels)))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("odd", ["one row", "zeros", "equal rows", "large"])
def test_odd_batches_have_finite_losses_and_gradients(name, odd):
    objective = made(name)
    embeddings, labels = batch(objective, objective.columns[0], rows=1 if odd == "one row" else ROWS)
    change = {
        "one row": lambda e: e,
        "zeros": lambda e: e * 0,
        "equal rows": lambda e: e[:1].repeat(ROWS, 1),
        "large": lambda e: e * 1e4,
    }
    leaves = [change[odd](column).requires_grad_() for column in embeddings]
    loss = total(objective.compute_loss_from_embeddings(leaves, labels))
    loss.backward()
    assert torch.isfinite(loss) and all(torch.isfinite(leaf.grad).all() for leaf in leaves)


def test_a_wrong_number_of_columns_and_missing_labels_are_told_by_one_sentence(name):
    objective = made(name)
    least, most = objective.columns
    for columns in {least - 1, *([most + 1] if most else [])}:
        embeddings, labels = batch(objective, columns)
        with pytest.raises(InputError, match="columns"):
            objective.compute_loss_from_embeddings(embeddings, labels)
    embeddings, _ = batch(objective, least)
    if objective.needs_labels:
        with pytest.raises(InputError, match="needs labels"):
            objective.compute_loss_from_embeddings(embeddings, None)
    else:
        assert torch.isfinite(total(objective.compute_loss_from_embeddings(embeddings, None)))


def test_its_arguments_are_json_and_make_it_again(name):
    objective = made(name)
    again = make("objective", name, json.loads(json.dumps(arguments_of(objective)))).double()
    assert type(again) is type(objective) and isinstance(again, Objective)
    again.load_state_dict(objective.state_dict())
    embeddings, labels = batch(objective, objective.columns[0])
    a, b = (total(one.compute_loss_from_embeddings(embeddings, labels)) for one in (objective, again))
    assert a == b
    assert objective.get_config_dict() == arguments_of(objective)


def test_it_says_what_it_is_and_begins_at_no_progress(name):
    objective = made(name)
    assert objective.__doc__ != Objective.__doc__ and objective.progress == 0
    least, most = objective.columns
    assert least >= 1 and (most is None or most >= least)


class Lookup(torch.nn.Module):
    """A model as sentence-transformers has them: features to a dictionary with the embeddings."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(100, DIM, dtype=torch.float64)

    def forward(self, features):
        return {**features, "sentence_embedding": self.table(features["input_ids"]).mean(dim=1)}


def test_features_lead_to_the_same_loss_as_their_embeddings(name):
    objective, model = made(name), Lookup()
    _, labels = batch(objective, 1)
    features = [
        {"input_ids": torch.randint(100, (ROWS, 3)), "attention_mask": torch.ones(ROWS, 3)}
        for _ in range(objective.columns[0])
    ]
    expected = objective.compute_loss_from_embeddings([model(f)["sentence_embedding"] for f in features], labels)
    assert objective.for_model(model) is objective
    found = objective(features, labels)
    assert torch.isclose(total(found), total(expected), rtol=1e-12)
    total(found).backward()
    assert model.table.weight.grad.abs().sum() > 0
    # the optimizer of sentence-transformers takes its weights from the loss
    assert {id(p) for p in model.parameters()} <= {id(p) for p in objective.parameters()}


def test_without_a_model_features_are_refused(name):
    with pytest.raises(InputError, match="call for_model"):
        made(name)([{"input_ids": torch.zeros(1, 1, dtype=torch.long)}], None)


@pytest.mark.parametrize("wrong", [{"no_such": 1}])
def test_an_unknown_argument_is_named(name, wrong):
    with pytest.raises(InputError, match=f"{name}.*no_such"):
        make("objective", name, {**ARGUMENTS.get(name, {}), **wrong})


def test_an_objective_that_needs_arguments_is_listed_here():
    from inspect import signature

    from codomain.registry import lookup

    needs = {
        name
        for name in names("objective")
        if any(p.default is p.empty for p in signature(lookup("objective", name)).parameters.values())
    }
    assert needs == set(ARGUMENTS), "add arguments, with which embeddings have DIM dimensions, to ARGUMENTS"


def test_it_takes_float32_and_leaves_labels_as_they_were(name):
    objective = make("objective", name, ARGUMENTS.get(name))
    embeddings, labels = batch(objective, objective.columns[0])
    given = labels.float() if labels is not None and labels.is_floating_point() else labels
    before = None if given is None else given.clone()
    objective.compute_loss_from_embeddings([column.float() for column in embeddings], given)
    assert given is None or torch.equal(given, before)
