"""The local dimension of a model's token vectors, watched in real trainings of tiny models."""

import logging

import numpy as np
import pytest

pytestmark = pytest.mark.needs_learn
torch = pytest.importorskip("torch", reason="needs codomain[learn]")
pytest.importorskip("transformers", reason="needs codomain[learn]")

from codomain.errors import InputError  # noqa: E402
from codomain.learn.callbacks import DimensionPoint, LocalDimensionCallback, token_vectors  # noqa: E402
from codomain.measure.space.geometry import local_dimension  # noqa: E402
from codomain.transform.training.loop import seeded  # noqa: E402

RNG = np.random.default_rng(0)
IDS = torch.from_numpy(RNG.integers(1, 50, (24, 12)))
MASK = torch.ones_like(IDS)
MASK[:, 9:] = 0
INPUTS = {"input_ids": IDS, "attention_mask": MASK}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
TEXTS = [" ".join(RNG.choice(WORDS[5:], 8)) for _ in range(20)]


def bert(labels=None):
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=50, max_position_embeddings=32, num_labels=labels or 2, **sizes)
    with seeded(0):
        return BertModel(config) if labels is None else BertForSequenceClassification(config)


def tokenizer():
    from transformers import BertTokenizerFast

    return BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)})


def test_the_dimension_is_that_of_the_token_vectors_of_the_layer_without_padding():
    model = bert().train()
    with torch.inference_mode():
        states = model.eval()(**INPUTS, output_hidden_states=True).hidden_states
    model.train()
    for layer in (-1, 1):
        expected = np.concatenate([row[:9] for row in states[layer].numpy()])
        assert np.allclose(token_vectors(model, INPUTS, layer=layer), expected, atol=1e-5)
    assert model.training
    mean = local_dimension(token_vectors(model, INPUTS), neighbors=20, sample=50).mean()
    assert np.isclose(LocalDimensionCallback(INPUTS, sample=50, neighbors=20).measure(model), mean)


def trained(tmp_path, callback, epochs=3):
    from transformers import Trainer, TrainingArguments

    rows = [
        {"input_ids": i, "attention_mask": m, "labels": k % 2} for k, (i, m) in enumerate(zip(IDS, MASK, strict=True))
    ]
    args = TrainingArguments(
        str(tmp_path), num_train_epochs=epochs, per_device_train_batch_size=8, learning_rate=0.01, report_to="none",
        save_strategy="no", use_cpu=True, disable_tqdm=True, logging_steps=1,
    )  # fmt: skip
    trainer = Trainer(bert(2), args, train_dataset=rows, callbacks=[callback])
    trainer.train()
    return trainer


def test_the_trainer_of_transformers_logs_it_after_each_epoch(tmp_path):
    callback = LocalDimensionCallback(INPUTS, sample=50, neighbors=20)
    trainer = trained(tmp_path, callback)
    assert [point.step for point in callback.history] == [0, 3, 6, 9]
    logged = [entry["local_dimension"] for entry in trainer.state.log_history if "local_dimension" in entry]
    assert logged == [point.dimension for point in callback.history]
    assert np.isclose(logged[-1], callback.measure(trainer.model), rtol=1e-5)
    assert np.isnan(callback.history[0].loss)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert callback.history[-1].loss in losses


def test_the_turn_is_named_once_and_can_end_the_training(tmp_path, monkeypatch, caplog):
    values = iter([9.0, 7.0, 5.0, 5.1, 6.0, 4.0, 8.0, 9.0, 9.0, 9.0])
    monkeypatch.setattr(LocalDimensionCallback, "measure", lambda self, *model: next(values))
    callback = LocalDimensionCallback(INPUTS, every=1, stop=True)
    with caplog.at_level(logging.WARNING, logger="codomain"):
        trained(tmp_path, callback, epochs=3)
    assert callback.turn.step == 2 and callback.turn.dimension == 5.0
    assert [point.step for point in callback.history] == [0, 1, 2, 3, 4]
    told = [record.getMessage() for record in caplog.records if record.name == "codomain"]
    assert len(told) == 1 and "risen to 6.00 from 5.00 at step 2" in told[0]


def test_the_trainer_of_sentence_transformers_takes_it_with_texts(tmp_path):
    pytest.importorskip("accelerate", reason="SentenceTransformerTrainer needs accelerate")
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    bert().save_pretrained(tmp_path / "bert")
    tokenizer().save_pretrained(tmp_path / "bert")
    module = Transformer(str(tmp_path / "bert"))
    model = SentenceTransformer(modules=[module, Pooling(16)], device="cpu")
    callback = LocalDimensionCallback(TEXTS, every=2, sample=50, neighbors=20)
    args = SentenceTransformerTrainingArguments(
        str(tmp_path / "out"), max_steps=4, per_device_train_batch_size=10, report_to="none", save_strategy="no",
        use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    data = Dataset.from_dict({"anchor": TEXTS, "positive": TEXTS[1:] + TEXTS[:1]})
    SentenceTransformerTrainer(
        model, args, data, loss=MultipleNegativesRankingLoss(model), callbacks=[callback]
    ).train()
    assert [point.step for point in callback.history] == [0, 2, 4]
    by_hand = token_vectors(module.auto_model, TEXTS, tokenizer())
    assert len(by_hand) == 20 * 10  # [CLS] and [SEP] beside eight words
    expected = local_dimension(by_hand, neighbors=20, sample=50).mean()
    assert np.isclose(callback.history[-1].dimension, expected, rtol=1e-4)


def test_a_training_that_continues_is_not_measured_at_its_start_again():
    callback = LocalDimensionCallback(INPUTS)
    callback.history.append(DimensionPoint(3, 1.0, 5.0, 0.1))
    callback.on_train_begin(None, None, None)
    assert len(callback.history) == 1


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: LocalDimensionCallback("a text"), "a list of texts"),
        (lambda: LocalDimensionCallback([]), "a list of texts"),
        (lambda: LocalDimensionCallback({"ids": IDS}), "need 'input_ids', not only 'ids'"),
        (lambda: LocalDimensionCallback(["a"], every=0), "every is 1 at least"),
        (lambda: LocalDimensionCallback(["a"], rise=0), "rise is a share above 0"),
        (lambda: LocalDimensionCallback(["a b"]).measure(bert()), "no tokenizer"),
        (lambda: LocalDimensionCallback(["a b"]).measure(bert(), tokenizer()), "have 4 tokens"),
        (lambda: LocalDimensionCallback(INPUTS, layer=3).measure(bert()), "3 layers of states: there is no layer 3"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()
