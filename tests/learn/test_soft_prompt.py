"""Vectors put into words by a tiny language model behind an adapter, and the loss against one by hand."""

import numpy as np
import pytest

pytestmark = pytest.mark.needs_learn
torch = pytest.importorskip("torch", reason="needs codomain[learn]")
pytest.importorskip("transformers", reason="needs codomain[learn]")

from codomain.errors import InputError  # noqa: E402
from codomain.learn.soft_prompt import SoftPrompt  # noqa: E402
from codomain.transform.training.loop import seeded  # noqa: E402

RNG = np.random.default_rng(0)
CENTERS = RNG.standard_normal((3, 8))
TEXTS = ["red fox", "tax law reform", "sea"]
KIND = np.arange(60) % 3
X = (CENTERS[KIND] + 0.1 * RNG.standard_normal((60, 8))).astype(np.float32)


class Letters:
    """A tokenizer of lower-case letters and the space; 0 ends a text."""

    eos_token_id = 0

    def __call__(self, text):
        from types import SimpleNamespace

        return SimpleNamespace(input_ids=[1 + " abcdefghijklmnopqrstuvwxyz".index(letter) for letter in text])

    def decode(self, ids):
        return "".join(" abcdefghijklmnopqrstuvwxyz"[i - 1] for i in ids)


def decoder():
    from transformers import GPT2Config, GPT2LMHeadModel

    with seeded(0):
        sizes = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 40, "bos_token_id": 0, "eos_token_id": 0}
        return GPT2LMHeadModel(GPT2Config(vocab_size=28, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, **sizes))


def reader():
    """A decoder that has read the three texts behind something that it cannot know."""
    model, letters = decoder().train(), Letters()
    table = model.get_input_embeddings()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    with seeded(2):
        for step in range(60):
            ids = torch.tensor([[*letters(TEXTS[step % 3]).input_ids, 0]])
            inputs = torch.cat([0.02 * torch.randn(1, 3, 32), table(ids)], dim=1)
            loss = torch.nn.functional.cross_entropy(model(inputs_embeds=inputs).logits[0, 2:-1], ids[0])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def prompt(model=decoder, **changed):
    with seeded(1):
        return SoftPrompt(model(), Letters(), **{"dim": 8, "tokens": 3, "width": 64, **changed})


@pytest.fixture(scope="module")
def fitted():
    found = prompt(reader)
    before = {name: p.clone() for name, p in found.language_model.named_parameters()}
    found.outcome = found.fit(X, [TEXTS[k] for k in KIND], epochs=20, rate=0.01, batch_size=18)
    assert all(torch.equal(before[name], p) for name, p in found.language_model.named_parameters())
    return found


def test_it_writes_the_text_that_a_vector_stands_for(fitted):
    unseen = (CENTERS + 0.1 * RNG.standard_normal((3, 8))).astype(np.float32)
    assert fitted.write(5 * unseen) == TEXTS
    assert fitted.write(unseen, max_tokens=3) == ["red", "tax", "sea"]


@pytest.mark.parametrize("instruction", ["", "say "])
def test_the_loss_is_that_of_the_texts_tokens_one_by_one(instruction):
    found, letters = prompt(instruction=instruction), Letters()
    vectors = torch.from_numpy(X[:2] / np.linalg.norm(X[:2], axis=1, keepdims=True))
    ids = [[*letters("fox").input_ids, 0], [*letters("a").input_ids, 0]]
    table, total = found.language_model.get_input_embeddings(), []
    for vector, row in zip(vectors, ids, strict=True):
        for i, token in enumerate(row):
            before = letters(instruction).input_ids + row[:i]
            inputs = torch.cat([found(vector[None])[0], table(torch.tensor(before, dtype=torch.long))])
            logits = found.language_model(inputs_embeds=inputs[None]).logits[0, -1]
            total.append(-float(logits.log_softmax(dim=0)[token]))
    assert np.isclose(float(found._loss(vectors, ids)), np.mean(total), rtol=1e-4)


def test_a_file_holds_the_adapter_alone(fitted, tmp_path):
    fitted.save(tmp_path / "soft")
    back = SoftPrompt.load(tmp_path / "soft", fitted.language_model, Letters())
    assert back.write(X[:3]) == fitted.write(X[:3])
    size = sum(p.numel() for p in fitted.adapter.parameters()) * 4
    assert size < (tmp_path / "soft").stat().st_size < size + 2_000
    (tmp_path / "cut").write_bytes((tmp_path / "soft").read_bytes()[:-5])
    for path, sentence in ((tmp_path / "cut", "cannot be read"), (tmp_path / "nothing", "cannot be read")):
        with pytest.raises(InputError, match=sentence):
            SoftPrompt.load(path, decoder(), Letters())


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: prompt(tokens=0), "1 at least"),
        (lambda: SoftPrompt(object(), Letters(), 8), "causal language model"),
        (lambda: prompt().fit(X, TEXTS), "20 vectors and their texts at least, not 60 and 3"),
        (lambda: prompt().fit(X[:9], ["a"] * 9), "not 9 and 9"),
        (lambda: prompt().fit(X[:, :4], ["a"] * 60), "the vectors to put into words"),
        (lambda: prompt().write(X * np.nan), "NaN"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()
