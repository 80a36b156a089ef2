"""JSON in what a model wrote: with chatter or a fence around it, cut short, or in Python's spelling."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

MOST_CHARACTERS = 10_000
"""Of an answer that are read."""
MOST_OPENINGS = 64
"""Brackets at which a value is tried to be read."""

_OPENING = re.compile(r"[{\[]")
_TRAILING_COMMA = re.compile(r",\s*(?=[\]}])")
_CLOSING = {"{": "}", "[": "]"}
_SMART_QUOTES = str.maketrans("“”„‘’", '"""\'\'')
_DECODER = json.JSONDecoder(strict=False)  # A model may break a line inside of a text.


def json_values(text: str) -> Iterator[Any]:
    """The objects and lists in a text, in order; those inside others are not told again.

    A value that is no JSON is mended, if that is enough: quotation marks of print, commas before a closing bracket,
    Python's quotes, and where the text ends too early all after the last whole item is left out.
    """
    text = text[:MOST_CHARACTERS]
    position = 0
    for _ in range(MOST_OPENINGS):
        opening = _OPENING.search(text, position)
        if not opening:
            return
        try:
            value, position = _value_at(text, opening.start())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):  # no value; a list as a key; too deep
            position = opening.end()
        else:
            yield value


def _value_at(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at an opening bracket, and where it ends."""
    try:
        return _DECODER.raw_decode(text, start)
    except ValueError:
        block, end = _block(text.translate(_SMART_QUOTES), start)
        block = _TRAILING_COMMA.sub("", block)
    try:
        return json.loads(block, strict=False), end
    except ValueError:
        return ast.literal_eval(block), end


def _block(text: str, start: int) -> tuple[str, int]:
    """From an opening bracket to the one that closes it, or to the end of the last whole item; and where that is.

    Items are those of lists: an object that is cut short is left out whole.
    """
    closing: list[str] = []
    quote = ""
    whole = depth = 0  # Where the last whole item ends, and how many brackets are open there.
    position = start
    while position < len(text):
        character = text[position]
        if quote:
            if character == "\\":
                position += 1
            elif character == quote and not text[position + 1 : position + 2].isalnum():  # else an apostrophe
                quote = ""
                if closing[-1] == "]":
                    whole, depth = position + 1, len(closing)
        elif character in "\"'":
            quote = character
        elif character in _CLOSING:
            closing.append(_CLOSING[character])
            if character == "[":
                whole, depth = position + 1, len(closing)
        elif character in "]}":
            if character != closing.pop():
                raise ValueError("brackets do not match")
            whole, depth = position + 1, len(closing)
            if not closing:
                break
        position += 1
    if not whole:
        raise ValueError("no whole item")
    return text[start:whole] + "".join(reversed(closing[:depth])), whole
