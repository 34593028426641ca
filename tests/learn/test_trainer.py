"""The front of the training loop against a loop by hand, on models of our own and of sentence-transformers."""

import numpy as np
import pytest

pytestmark = pytest.mark.needs_learn
torch = pytest.importorskip("torch", reason="needs codomain[learn]")
pytest.importorskip("sentence_transformers", reason="needs codomain[learn]")

from torch import nn  # noqa: E402

from codomain.errors import InputError  # noqa: E402
from codomain.learn.batching.no_duplicates import NoDuplicates  # noqa: E402
from codomain.learn.batching.shuffled import Shuffled  # noqa: E402
from codomain.learn.contracts import Objective  # noqa: E402
from codomain.learn.mining.hard_negatives import HardNegatives  # noqa: E402
from codomain.learn.objectives import Contrastive, EmbeddingDistillation  # noqa: E402
from codomain.learn.trainer import Trainer, progress_callback, text_column, vector_column  # noqa: E402
from codomain.transform.training.checkpoint import Checkpoint  # noqa: E402
from codomain.transform.training.loop import seeded  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 6)).astype(np.float32)
Y = (X @ RNG.standard_normal((6, 4)) + 1).astype(np.float32)


def linear():
    with seeded(1):
        return nn.Linear(6, 4)


def trainer(model, **changed):
    given = {"objective": EmbeddingDistillation(), "batcher": Shuffled(16), "epochs": 5, "rate": 0.02, "seed": 3}
    return Trainer(model, **{**given, **changed})


def test_training_is_adamw_with_a_rate_that_rises_and_falls_and_no_decay_of_biases():
    model, other = linear(), linear()
    outcome = trainer(model, weight_decay=0.1, warmup=4, clip=0.5).fit([vector_column(X)], Y)
    optimizer = torch.optim.AdamW(
        [{"params": [other.weight], "weight_decay": 0.1}, {"params": [other.bias], "weight_decay": 0.0}]
    )
    steps = [rows for epoch in range(5) for rows in Shuffled(16)(X, epoch, 3)]
    for step, rows in enumerate(steps):
        loss = ((other(torch.from_numpy(X[rows])) - torch.from_numpy(Y[rows])) ** 2).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(other.parameters(), 0.5)
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (1 - step / 15) * min(1, (step + 1) / 4)
        optimizer.step()
    assert outcome.steps == 15
    assert torch.equal(model.weight, other.weight) and torch.equal(model.bias, other.bias)


def test_a_seed_repeats_and_another_differs():
    found = []
    for seed in (3, 3, 4):
        model = nn.Sequential(linear(), nn.Dropout(0.5))
        trainer(model, seed=seed).fit([vector_column(X)], Y)
        found.append(model[0].weight)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_weights_of_the_objective_are_trained_too():
    class Scaled(Objective):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.ones(1))

        columns = (1, 1)

        def loss(self, embeddings, labels):
            return ((self.factor * embeddings[0] - labels) ** 2).mean()

    objective = Scaled()
    trainer(linear(), objective=objective).fit([vector_column(X)], 5 * Y)
    assert objective.factor > 1.01


def test_the_objective_is_told_how_far_the_training_is():
    seen = []

    class Watching(EmbeddingDistillation):
        def loss(self, embeddings, labels):
            seen.append(self.progress)
            return {"distance": super().loss(embeddings, labels), "nothing": embeddings[0].sum() * 0}

    trainer(linear(), objective=Watching(), epochs=2).fit([vector_column(X)], Y)
    assert seen == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])


def test_the_best_epoch_on_held_out_rows_is_kept():
    model = linear()

    @torch.no_grad()
    def validate():
        return -float(((model(torch.from_numpy(X[30:])) - torch.from_numpy(Y[30:])) ** 2).mean())

    outcome = trainer(model, epochs=12, rate=0.5, validate=validate, patience=3).fit([vector_column(X[:30])], Y[:30])
    assert outcome.best == pytest.approx(validate()) and outcome.best_epoch <= outcome.epochs


def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path):
    class Stops(EmbeddingDistillation):
        left = 7

        def loss(self, embeddings, labels):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().loss(embeddings, labels)

    kept = Checkpoint(tmp_path / "state", "key", every=0)
    models = [nn.Sequential(linear(), nn.Dropout(0.2)) for _ in range(3)]
    trainer(models[0]).fit([vector_column(X)], Y)
    with pytest.raises(KeyboardInterrupt):
        trainer(models[1], objective=Stops(), checkpoint=kept).fit([vector_column(X)], Y)
    trainer(models[2], checkpoint=kept).fit([vector_column(X)], Y)
    assert torch.equal(models[0][0].weight, models[2][0].weight)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: trainer(linear()).fit([vector_column(X)]), "codes, labels or the number of rows"),
        (lambda: trainer(linear()).fit([vector_column(X)], rows=40), "needs labels"),
        (lambda: trainer(linear()).fit([vector_column(X)], Y[:30], np.arange(40)[:, None]), "40 rows and labels of 30"),
        (lambda: trainer(linear(), objective=Contrastive()).fit([vector_column(X)], rows=40), "at least 2 columns"),
        (lambda: trainer(linear()).fit([vector_column(X)], Y * np.nan), "the loss is nan in epoch 1, batch 1"),
        (lambda: trainer(nn.Identity()).fit([vector_column(X)], X), "no weights that can be trained"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_from_vectors_to_negatives_to_batches_to_a_better_map():
    """The whole way: queries see documents through a mirror, and learn to see through it."""
    D = RNG.standard_normal((300, 8)).astype(np.float32)
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Q = D * np.where(np.arange(8) < 3, -1, 1).astype(np.float32)
    pairs = np.stack([np.arange(200)] * 2, axis=1)
    tuples = HardNegatives(k=2).mine(Q, D, pairs).tuples(2)
    assert tuples.shape == (200, 4)

    class Mirror(nn.Module):
        """A map of queries; documents stay, as a flag beside the vectors says."""

        def __init__(self):
            super().__init__()
            self.map = nn.Linear(8, 8, bias=False)
            nn.init.eye_(self.map.weight)

        def forward(self, inputs):
            return self.map(inputs["x"]) if inputs["query"] else inputs["x"]

    def column(vectors, rows, query):
        of = vector_column(vectors, rows)
        return lambda batch: {"x": of(batch), "query": query}

    model = Mirror()
    columns = [column(Q, tuples[:, 0], True), *(column(D, tuples[:, c], False) for c in (1, 2, 3))]
    codes = tuples + np.array([300, 0, 0, 0])  # queries are other items than documents
    Trainer(model, Contrastive(), NoDuplicates(32), epochs=30, rate=0.05).fit(columns, codes=codes)

    def found(queries):
        return float(((queries @ D.T).argmax(axis=1) == np.arange(200, 300)).mean())

    with torch.no_grad():
        after = found(model.map(torch.from_numpy(Q[200:])).numpy())
    assert found(Q[200:]) < 0.3 and after > 0.9


# --- sentence-transformers --------------------------------------------------------------------------------------

WORDS = ["river", "stone", "cloud", "bread", "engine", "violin", "harbour", "signal"]
TEXTS = [" ".join(RNG.choice(WORDS, 4)) for _ in range(60)]


def sentence_transformer():
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, **{word: i + 1 for i, word in enumerate(WORDS)}}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    with seeded(2):
        return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=5)], device="cpu")


def distance(model):
    return float(((model.encode(TEXTS) - teacher()) ** 2).sum(axis=1).mean())


def teacher():
    hidden = np.random.default_rng(1).standard_normal((len(WORDS), 5)).astype(np.float32)
    return np.stack([np.mean([hidden[WORDS.index(word)] for word in text.split()], axis=0) for text in TEXTS])


def test_a_model_of_sentence_transformers_is_trained():
    model = sentence_transformer()
    before = distance(model)
    trainer(model, epochs=60, rate=0.1, weight_decay=0.0).fit([text_column(model, TEXTS)], teacher())
    assert distance(model) < 0.01 * before


def test_a_transformer_with_a_tokenizer_is_trained(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    with seeded(2):
        BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=32, **sizes)).save_pretrained(tmp_path)
    BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(tmp_path)
    model = SentenceTransformer(modules=[Transformer(str(tmp_path)), Pooling(8)], device="cpu")
    wanted = np.random.default_rng(1).standard_normal((len(TEXTS), 8)).astype(np.float32)

    def apart():
        return float(((model.encode(TEXTS) - wanted) ** 2).sum(axis=1).mean())

    before = apart()
    trainer(model, epochs=4, rate=0.01, warmup=1).fit([text_column(model, TEXTS)], wanted)
    assert apart() < 0.9 * before


def test_the_trainer_of_sentence_transformers_takes_an_objective(tmp_path):
    pytest.importorskip("accelerate", reason="SentenceTransformerTrainer needs accelerate")
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

    model, seen = sentence_transformer(), []

    class Watching(EmbeddingDistillation):
        def loss(self, embeddings, labels):
            seen.append(self.progress)
            return super().loss(embeddings, labels)

    before, objective = distance(model), Watching()
    SentenceTransformerTrainer(
        model,
        SentenceTransformerTrainingArguments(
            str(tmp_path), num_train_epochs=40, per_device_train_batch_size=20, learning_rate=0.1, report_to="none",
            save_strategy="no", use_cpu=True, disable_tqdm=True, logging_strategy="no",
        ),
        Dataset.from_dict({"text": TEXTS, "label": teacher().tolist()}),
        loss=objective.for_model,
        callbacks=[progress_callback(objective)],
    ).train()  # fmt: skip
    assert distance(model) < 0.05 * before
    assert seen == pytest.approx([step / 120 for step in range(120)])


def test_the_callback_tells_the_share_of_the_steps():
    from transformers import TrainerControl, TrainerState

    objective = EmbeddingDistillation()
    progress_callback(objective).on_step_begin(None, TrainerState(global_step=3, max_steps=12), TrainerControl())
    assert objective.progress == 0.25
