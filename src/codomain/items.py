"""What encoders are given: texts, and media such as images and sounds."""

from __future__ import annotations

import hashlib
import io
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from codomain.errors import InputError
from codomain.files import open_npy
from codomain.kinds import MODALITIES, Modality, in_words


@dataclass(frozen=True, eq=False)
class Media:
    """An image, a sound or other data beside a text: an array, or the bytes of a file.

    >>> Media("image", np.zeros((2, 2), np.uint8)).digest == Media("image", np.zeros((2, 2), np.uint8)).digest
    True

    Raises InputError for another modality, for text, and for an array of objects.
    """

    modality: Modality
    data: np.ndarray[Any, Any] | bytes

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES or self.modality == "text":
            raise InputError(f"media are {', '.join(m for m in MODALITIES if m != 'text')}, not {self.modality!r}.")
        if isinstance(self.data, np.ndarray):
            if self.data.dtype.hasobject:
                raise InputError(f"an array of objects is no {self.modality}.")
        elif not isinstance(self.data, bytes):
            raise InputError(f"an {self.modality} is an array or the bytes of a file, not {type(self.data).__name__}.")

    @cached_property
    def stored(self) -> tuple[str, bytes]:
        """The form, "npy" or "file", and the bytes that stand for it."""
        if isinstance(self.data, bytes):
            return "file", self.data
        file = io.BytesIO()
        np.save(file, np.ascontiguousarray(self.data), allow_pickle=False)
        return "npy", file.getvalue()

    @cached_property
    def digest(self) -> str:
        """A hash of modality and bytes: 32 hexadecimal digits."""
        form, data = self.stored
        return hashlib.blake2b(f"{self.modality} {form} ".encode() + data, digest_size=16).hexdigest()

    @classmethod
    def restore(cls, modality: Modality, form: str, data: bytes) -> Media:
        """What `stored` gave."""
        return cls(modality, open_npy(io.BytesIO(data)) if form == "npy" else data)


class Item(NamedTuple):
    """A text with the media that belong to it; either may be missing."""

    text: str = ""
    media: tuple[Media, ...] = ()

    def of(self, modality: Modality) -> Any:
        """The text, or the data of the first medium of a modality; None where there is none."""
        if modality == "text":
            return self.text or None
        return next((medium.data for medium in self.media if medium.modality == modality), None)


Query = str | Item | Media | np.ndarray[Any, Any] | bytes
"""What can be searched for; an array is of the one modality beside text that the pipeline starts from."""


def as_item(value: Any, modalities: Sequence[Modality]) -> Item:
    """A text, media, an array or the bytes of a file as an item; the latter two are of the one modality beside text.

    >>> as_item("a red fox", ("text",))
    Item(text='a red fox', media=())
    >>> as_item(np.zeros((2, 2)), ("image",)).of("image").shape
    (2, 2)

    Raises InputError for anything else.
    """
    if isinstance(value, Item):
        return value
    if isinstance(value, str):
        return Item(value)
    if isinstance(value, Media):
        return Item("", (value,))
    if isinstance(value, list | tuple) and "vector" in modalities:
        return Item("", (Media("vector", np.asarray(value, np.float32)),))
    media = [modality for modality in modalities if modality != "text"]
    if isinstance(value, np.ndarray | bytes) and len(media) == 1:
        return Item("", (Media(media[0], value),))
    raise InputError(f"this pipeline starts from {in_words(*modalities)}, not from {type(value).__name__}.")


def fits(item: str | Item, modalities: Sequence[Modality]) -> bool:
    """Whether there is something in an item that an encoder of these modalities takes.

    >>> fits("a red fox", ("image",)), fits("a red fox", ("image", "text"))
    (False, True)
    """
    if isinstance(item, str):
        return "text" in modalities
    return any(item.of(modality) is not None for modality in modalities)


def given_to(modalities: Sequence[Modality], items: Sequence[str | Item], who: str = "the encoder") -> list[Any]:
    """What an encoder of these modalities gets: texts, the data of media, or items where it takes several.

    >>> given_to(("text",), [Item("a red fox"), "a blue whale"])
    ['a red fox', 'a blue whale']

    Raises InputError for an item that lacks all of them; an empty text is a text.
    """
    if tuple(modalities) == ("text",):
        return [item if isinstance(item, str) else item.text for item in items]
    given: list[Any] = []
    for position, item in enumerate(items):
        if not fits(item, modalities) and not (item == "" and "text" in modalities):
            raise InputError(f"item {position} has no {' and no '.join(modalities)}, which {who} needs.")
        given.append(item if len(modalities) > 1 or isinstance(item, str) else item.of(modalities[0]))
    return given


def texts_of(items: Sequence[str | Item]) -> list[str]:
    """The texts of items; empty where an item has none.

    >>> texts_of(["a red fox", Item("", ())])
    ['a red fox', '']
    """
    return [item if isinstance(item, str) else item.text for item in items]


def key_of(item: str | Item) -> str:
    """What an item is known by in caches and fingerprints: a text itself, with media their digests.

    >>> key_of("a red fox")
    'a red fox'
    """
    return item if isinstance(item, str) else "\0".join([item.text, *(medium.digest for medium in item.media)])


def to_json(item: str | Item) -> Any:
    """An item as plain values that JSON can hold: a text, or its parts with media in base64."""
    if isinstance(item, str):
        return item
    media = [[medium.modality, medium.stored[0], b64encode(medium.stored[1]).decode()] for medium in item.media]
    return {"text": item.text, "media": media}


def from_json(value: Any) -> str | Item:
    """What `to_json` gave.

    >>> item = Item("a square", (Media("image", np.ones((2, 2))),))
    >>> key_of(from_json(to_json(item))) == key_of(item)
    True
    """
    if isinstance(value, str):
        return value
    return Item(value["text"], tuple(Media.restore(kind, form, b64decode(data)) for kind, form, data in value["media"]))
