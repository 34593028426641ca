"""Objectives against slow loops and against the losses of sentence-transformers."""

import numpy as np
import pytest

pytestmark = pytest.mark.needs_learn
torch = pytest.importorskip("torch", reason="needs codomain[learn]")
losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses", reason="needs codomain[learn]")

from codomain.errors import InputError  # noqa: E402
from codomain.learn.objectives import Contrastive, EmbeddingDistillation  # noqa: E402


def columns(count, rows=7, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.standard_normal((rows, dim))).requires_grad_() for _ in range(count)]


def same_loss_and_gradients(ours, theirs, embeddings):
    found, expected = ours(embeddings), theirs(embeddings)
    assert torch.isclose(found, expected, rtol=1e-9)
    for a, b in zip(torch.autograd.grad(found, embeddings), torch.autograd.grad(expected, embeddings), strict=True):
        assert torch.allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_contrastive_is_multiple_negatives_ranking(count, symmetric, scale):
    directions = ("query_to_doc", "doc_to_query") if symmetric else ("query_to_doc",)
    theirs = losses.MultipleNegativesRankingLoss(
        torch.nn.Identity(), scale=scale, directions=directions, partition_mode="per_direction"
    )
    ours = Contrastive(scale, symmetric)
    same_loss_and_gradients(
        lambda e: ours.loss(e, None), lambda e: theirs.compute_loss_from_embeddings(e, None), columns(count)
    )


def slowly(embeddings, groups, scale):
    """-log of the positive's share, a row at a time: documents of the group's other rows left out, but for their negatives."""
    unit = [e.detach().numpy() / np.linalg.norm(e.detach().numpy(), axis=1, keepdims=True) for e in embeddings]
    total = 0.0
    for i, query in enumerate(unit[0]):
        kept = [d for j, d in enumerate(unit[1]) if j == i or groups[j] != groups[i]]
        kept += [d for column in unit[2:] for d in column]
        total += np.log(sum(np.exp(scale * query @ d) for d in kept)) - scale * query @ unit[1][i]
    return total / len(groups)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("groups", [[0, 1, 0, 2, 2, 2, 3], [0] * 7, list(range(7))])
def test_documents_of_a_rows_group_are_no_negatives(count, groups):
    embeddings = columns(count)
    found = Contrastive(10).loss(embeddings, torch.tensor(groups))
    assert found.item() == pytest.approx(slowly(embeddings, groups, 10))


def test_groups_count_in_both_directions():
    queries, documents = columns(2)
    groups = torch.tensor([0, 1, 0, 2, 2, 2, 3])
    both = Contrastive(10, symmetric=True).loss([queries, documents], groups)
    ways = [Contrastive(10).loss(way, groups) for way in ([queries, documents], [documents, queries])]
    assert torch.isclose(both, sum(ways) / 2)


@pytest.mark.parametrize("per_column", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_distillation_is_that_of_sentence_transformers_times_the_dimensions(count, per_column):
    embeddings = columns(count)
    teacher = columns(count, seed=1)
    theirs = losses.EmbedDistillLoss(torch.nn.Identity(), "mse")
    labels = torch.stack(teacher, dim=1).detach() if per_column else teacher[0].detach()
    targets = list(labels.unbind(1)) if per_column else [labels] * count
    ours = EmbeddingDistillation()
    same_loss_and_gradients(
        lambda e: ours.loss(e, labels), lambda e: 5 * theirs.compute_loss_from_embeddings(e, targets), embeddings
    )


def test_teacher_vectors_of_another_shape_are_one_sentence():
    for labels in (torch.zeros(7, 4), torch.zeros(6, 5), torch.zeros(7, 2, 5)):
        with pytest.raises(InputError, match="the teacher's vectors have shape"):
            EmbeddingDistillation().loss([torch.zeros(7, 5)], labels)


def test_the_wrappers_of_sentence_transformers_take_an_objective():
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "a": 1, "b": 2, "c": 3}, unk_token="[UNK]"))
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")
    features = [model.preprocess(texts) for texts in (["a", "b", "c"], ["b", "c", "a"])]
    wrapped = losses.MatryoshkaLoss(model, Contrastive().for_model(model), matryoshka_dims=[8, 4])
    theirs = losses.MatryoshkaLoss(model, losses.MultipleNegativesRankingLoss(model), matryoshka_dims=[8, 4])
    assert torch.isclose(wrapped(features, None), theirs(features, None))
