"""The texts of a generator on disk: asked for once, whatever happens in between."""

import pytest

from codomain.errors import InputError
from codomain.learn.synthesis.cached import CachedGenerator


class Counting:
    """Upper case, and a count of the prompts."""

    def __init__(self, fingerprint="a", fails_after=None):
        self.fingerprint, self.fails_after, self.asked = fingerprint, fails_after, []

    def generate(self, prompts):
        if self.fails_after is not None and len(self.asked) >= self.fails_after:
            raise ConnectionError("no answer")
        self.asked += prompts
        return [f"{prompt.upper()}\n\u2028ä" for prompt in prompts]


PROMPTS = [f"prompt {i}" for i in range(10)]
TEXTS = [f"{prompt.upper()}\n\u2028ä" for prompt in PROMPTS]


def test_a_prompt_is_asked_for_once(tmp_path):
    generator = Counting()
    texts = CachedGenerator(generator, tmp_path / "folder" / "texts.jsonl", batch=3)
    assert texts.generate([*PROMPTS, *PROMPTS[:4]]) == [*TEXTS, *TEXTS[:4]] and generator.asked == PROMPTS
    again = CachedGenerator(Counting(fails_after=0), tmp_path / "folder" / "texts.jsonl")
    assert again.generate(PROMPTS[::-1]) == TEXTS[::-1] and again.fingerprint == "a"
    assert again.generate([]) == []


def test_another_generator_is_asked_itself(tmp_path):
    CachedGenerator(Counting("a"), tmp_path / "texts").generate(PROMPTS)
    other = Counting("b")
    CachedGenerator(other, tmp_path / "texts").generate(PROMPTS)
    assert other.asked == PROMPTS


def test_what_was_written_before_a_failure_is_kept(tmp_path):
    with pytest.raises(ConnectionError):
        CachedGenerator(Counting(fails_after=6), tmp_path / "texts", batch=3).generate(PROMPTS)
    rest = Counting()
    assert CachedGenerator(rest, tmp_path / "texts", batch=3).generate(PROMPTS) == TEXTS
    assert rest.asked == PROMPTS[6:]


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_line_cut_short_is_written_again(tmp_path, cut):
    path = tmp_path / "texts"
    CachedGenerator(Counting(), path).generate(PROMPTS)
    path.write_bytes(path.read_bytes()[:-cut])
    rest = Counting()
    assert CachedGenerator(rest, path).generate(PROMPTS) == TEXTS and rest.asked == PROMPTS[9:]
    assert CachedGenerator(Counting(fails_after=0), path).generate(PROMPTS) == TEXTS


def test_a_file_of_something_else_is_one_sentence(tmp_path):
    for content in ('{"text": "no key"}\n', "no json\n", "[]\n", b"\xff\n"):
        (tmp_path / "texts").write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(InputError, match="damaged"):
            CachedGenerator(Counting(), tmp_path / "texts")
    with pytest.raises(InputError, match="cannot be read"):
        CachedGenerator(Counting(), tmp_path)


def test_a_generator_that_loses_prompts_is_one_sentence(tmp_path):
    class Short(Counting):
        def generate(self, prompts):
            return super().generate(prompts)[1:]

    with pytest.raises(InputError, match="9 texts for 10 prompts"):
        CachedGenerator(Short(), tmp_path / "texts").generate(PROMPTS)
