"""A record to chunks: pieces that fit an encoder, with exact offsets and the headings they stand under."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from codomain.analyzer.tokens import estimate, is_dense
from codomain.errors import InputError
from codomain.read.record import Record
from codomain.read.text.fitting import Limit, Span, cut_again, fitted
from codomain.read.text.headings import Outline
from codomain.read.text.passage import passage

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BLOCK = 50_000
"""Longer texts are cut at paragraphs into blocks first."""

_WINDOW = 8
"""Chunks of a line that are cut at a time: the splitter is quadratic in lines without sentences, such as Thai or Chinese words."""

_CHARACTERS_A_TOKEN = 4.0
"""English prose has 4.6 characters a WordPiece token (10,000 Debian descriptions), 3.1 in the densest hundredth."""


class Chunk(NamedTuple):
    """A piece of a document: `text == document.text[start:end]`; headings from the outermost; position from 0."""

    text: str
    start: int
    end: int
    headings: list[str]
    position: int


def chunk(
    record: Record | str,
    size: int = 256,
    overlap: int = 32,
    tokenizer: Tokenizer | None = None,
    limits: Sequence[Limit] = (),
) -> list[Chunk]:
    """Cut a document into chunks of at most `size` tokens, at the best boundary (section, paragraph, sentence, word).

    With a tokenizer tokens are counted exactly. Without one, the default and much faster, four characters are taken for
    a token (one, outside ASCII; code, tables and addresses are counted by words and marks), and a chunk may come out
    somewhat longer. Neighbours share up to `overlap` tokens. Every character but white space is in some chunk. Blank text
    has no chunks. What `limits` count, encoders in a collection for instance, is the chunk under its title and headings:
    a chunk that is too long for one of them is cut again.

    >>> [piece.text for piece in chunk("One sentence here. Another one there.", size=6, overlap=0)]
    ['One sentence here.', 'Another one there.']
    >>> chunk(Record("a", "# Install\\n\\n## Linux\\n\\nRun it.", markdown=True))[0].headings
    ['Install', 'Linux']

    Raises InputError for a size below one or an overlap that is not smaller than the size.
    """
    if size < 1 or not 0 <= overlap < size:
        raise InputError(f"chunks need size >= 1 and 0 <= overlap < size, but size is {size} and overlap {overlap}.")
    if isinstance(record, str):
        record = Record("", record)
    text = record.text
    if _fits(text, size, tokenizer):
        pieces = _whole(text)
    else:
        splitter, longest = _splitter_for(text, size, overlap, tokenizer, record.markdown)
        pieces = _split(text, splitter, longest, _WINDOW * min(longest, int(_CHARACTERS_A_TOKEN) * size))
    outline = Outline(text) if record.markdown else None
    dense = [span for span in pieces if is_dense(text[span[0] : span[1]])] if tokenizer is None else []
    if dense or limits:
        recut = partial(_measured, overlap=overlap / size, markdown=record.markdown)
        if dense:
            pieces = cut_again(text, pieces, dense, [Limit(size, estimate)], recut)
        if limits:
            pieces = fitted(text, pieces, limits, partial(_passages, record, outline), recut)
    return _chunks(text, outline, pieces)


def _chunks(text: str, outline: Outline | None, pieces: Sequence[Span]) -> list[Chunk]:
    if outline is None:
        return [Chunk(text[a:b], a, b, [], i) for i, (a, b) in enumerate(pieces)]
    chunks, seen = [], 0
    for i, (a, b) in enumerate(pieces):
        # what a chunk repeats of the one before it does not decide where it stands
        chunks.append(Chunk(text[a:b], a, b, outline.above(max(a, seen), b), i))
        seen = b
    return chunks


def _passages(record: Record, outline: Outline | None, pieces: Sequence[Span]) -> list[str]:
    """What encoders see of pieces."""
    return [passage(record.title, piece.headings, piece.text) for piece in _chunks(record.text, outline, pieces)]


def _measured(text: str, measure: Callable[[str], int], capacity: int, overlap: float, markdown: bool) -> list[Span]:
    """Spans that measure at most `capacity`; neighbours share that part of it."""
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    kind = MarkdownSplitter if markdown else TextSplitter
    splitter = kind.from_callback(measure, capacity, min(int(overlap * capacity), capacity - 1))
    return _split(text, splitter, len(text), len(text))


def _fits(text: str, size: int, tokenizer: Tokenizer | None) -> bool:
    if tokenizer is None:
        return len(text) <= size * _characters_a_token(text)
    # no tokenizer makes more tokens than UTF-8 bytes; where that does not settle it, count
    return len(text.encode()) <= size or (
        len(text) <= 16 * size and len(tokenizer.encode(text, add_special_tokens=False).ids) <= size
    )


def _characters_a_token(text: str) -> float:
    if text.isascii():
        return _CHARACTERS_A_TOKEN
    ascii_length = len(text.encode("ascii", "ignore"))
    return len(text) / (ascii_length / _CHARACTERS_A_TOKEN + (len(text) - ascii_length))


def _whole(text: str) -> list[tuple[int, int]]:
    stripped = text.strip()
    if not stripped:
        return []
    start = text.index(stripped[0]) if stripped[0] != text[0] else 0
    return [(start, start + len(stripped))]


def _splitter_for(text: str, size: int, overlap: int, tokenizer: Tokenizer | None, markdown: bool) -> tuple[Any, int]:
    if tokenizer is not None:
        return _exact_splitter(size, overlap, tokenizer, markdown), 16 * size
    ratio = round(_characters_a_token(text), 1)  # one decimal, so that few splitters are made
    capacity = max(1, int(size * ratio))
    return _estimating_splitter(capacity, min(int(overlap * ratio), capacity - 1), markdown), capacity


@lru_cache(maxsize=16)
def _estimating_splitter(capacity: int, overlap: int, markdown: bool) -> Any:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    return (MarkdownSplitter if markdown else TextSplitter)(capacity, overlap)


_exact: list[tuple[Any, tuple[int, int, bool], Any]] = []


def _exact_splitter(size: int, overlap: int, tokenizer: Tokenizer, markdown: bool) -> Any:
    """The splitter of the last call if it was the same: making one copies the whole tokenizer."""
    key = (size, overlap, markdown)
    for known, its_key, splitter in _exact:
        if known is tokenizer and its_key == key:
            return splitter
    from semantic_text_splitter import MarkdownSplitter, TextSplitter
    from tokenizers import Tokenizer as Plain

    bare = Plain.from_str(tokenizer.to_str())
    bare.no_truncation()
    bare.no_padding()
    splitter = (MarkdownSplitter if markdown else TextSplitter).from_huggingface_tokenizer(bare, size, overlap)
    _exact[:] = [*_exact[-3:], (tokenizer, key, splitter)]
    return splitter


def _split(text: str, splitter: Any, longest: int, window: int) -> list[tuple[int, int]]:
    pieces = []
    for start, stop in _blocks(text, max(_BLOCK, 4 * longest)):
        for offset, piece in _windowed(text[start:stop], splitter, window):
            if piece.strip():
                pieces.append((start + offset, start + offset + len(piece)))
    return pieces


def _windowed(block: str, splitter: Any, window: int) -> Iterator[tuple[int, str]]:
    """What the splitter makes of a block, in time that grows with the block's length.

    A window ends within a line that is longer than it. Its last two chunks are not taken, because they may depend on what
    follows; the next window begins with the first of them, as a chunk depends on nothing before it.
    """
    start, width = 0, window
    while (stop := _window_end(block, start, width)) < len(block):
        found = splitter.chunk_indices(block[start:stop])
        if len(found) < 3:  # the chunks are longer than expected
            width *= 2
            continue
        for offset, piece in found[:-2]:
            yield start + offset, piece
        start, width = start + found[-2][0], window
    for offset, piece in splitter.chunk_indices(block[start:]):
        yield start + offset, piece


def _window_end(block: str, start: int, width: int) -> int:
    """The end of the first `width` characters after `start` that have no line end between them; else of the block."""
    while len(block) - start > width:
        line_end = block.rfind("\n", start, start + width)
        if line_end < 0:
            return start + width
        start = line_end + 1
    return len(block)


def _blocks(text: str, length: int) -> Iterator[tuple[int, int]]:
    """Spans of at most `length` characters that end at a section, else a paragraph, a line, a space, or anywhere."""
    start = 0
    while len(text) - start > length:
        cut = start + length
        for border, after in (("\n#", 1), ("\n\n", 2), ("\n", 1), (" ", 1)):
            found = text.rfind(border, start + length // 2, cut)
            if found >= 0:
                cut = found + after
                break
        yield start, cut
        start = cut
    yield start, len(text)
