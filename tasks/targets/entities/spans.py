"""From the tags of a sentence's tokens to spans, in the three schemes that files are written in.

IOB1 (Ramshaw and Marcus 1995, arXiv:cmp-lg/9505040): ``I-`` everywhere, ``B-`` only where a span directly follows one
of its type. IOB2 (Tjong Kim Sang and Veenstra 1999, arXiv:cs/9907006): every span begins with ``B-``. BIOES: ``E-``
ends a span of several tokens, ``S-`` is a span of one.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Scheme = Literal["iob1", "iob2", "bioes"]

PREFIXES: dict[Scheme, str] = {"iob1": "BI", "iob2": "BI", "bioes": "BIES"}
"""The letters before the dash that each scheme has."""


class Span(NamedTuple):
    """Tokens `start` to `end`, the last not included, that are an entity of a type."""

    start: int
    end: int
    type: str


class TagError(ValueError):
    """A tag that its scheme does not allow where it stands.

    Attributes:
        index: Of the token.
        reason: What is wrong, to go on from "the tag X".
    """

    def __init__(self, index: int, reason: str):
        super().__init__(reason)
        self.index = index
        self.reason = reason


def spans_of(tags: Sequence[str], scheme: Scheme) -> tuple[Span, ...]:
    """The spans of one sentence, in order.

    Args:
        tags: ``O``, or a letter of the scheme, a dash and a type; one a token.
        scheme: Of the tags.

    Raises:
        TagError: a tag is not of the scheme, or stands where the scheme does not allow it.
    """
    spans: list[Span] = []
    is_open = False  # The last span may go on.
    for index, tag in enumerate(tags):
        letter, type_ = _parts(tag, index, scheme)
        goes_on = is_open and letter in ("I", "E") and spans[-1].type == type_
        if scheme == "bioes" and is_open and not goes_on:
            raise TagError(index, f"comes before the {spans[-1].type} before it has ended with E-")
        if goes_on:
            spans[-1] = spans[-1]._replace(end=index + 1)
        elif letter == "E" or (letter == "I" and scheme != "iob1"):
            raise TagError(index, f"goes on with a {type_} that has not begun with B-")
        elif letter:
            spans.append(Span(index, index + 1, type_))
        is_open = letter in ("B", "I")
    if scheme == "bioes" and is_open:
        raise TagError(len(tags) - 1, f"leaves a {spans[-1].type} without its end, E-")
    return tuple(spans)


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Scheme:
    """BIOES where there is an ``E-`` or ``S-``, else IOB1 where a span begins with ``I-``, else IOB2.

    Whether all tags keep to it is for `spans_of` to see.
    """
    found: Scheme = "iob2"
    for tags in sentences:
        before = "O"
        for tag in tags:
            if tag[:2] in ("E-", "S-"):
                return "bioes"
            if tag[:2] == "I-" and before[1:] != tag[1:]:
                found = "iob1"
            before = tag
    return found


def _parts(tag: str, index: int, scheme: Scheme) -> tuple[str, str]:
    """Letter and type of a tag; both empty for ``O``."""
    if tag == "O":
        return "", ""
    letter, dash, type_ = tag.partition("-")
    if not dash or not type_ or len(letter) != 1 or letter not in PREFIXES[scheme]:
        letters = ", ".join(f"{letter}-" for letter in PREFIXES[scheme])
        raise TagError(index, f"is neither O nor {letters} and a type ({scheme})")
    return letter, type_
