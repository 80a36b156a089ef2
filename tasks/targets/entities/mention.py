"""A mention: the words of an entity, as they stand in a sentence."""

import re

MOST_CHARACTERS = 200
"""Of a mention that is looked at: what is longer is none."""


def compact(words: str) -> str:
    """The words without white space, by which mentions are compared: for the tokens ``Harper 's`` models write
    ``Harper's``, with either apostrophe.
    """
    return "".join(words.split()).replace("’", "'")


def places_of(mention: str, sentence: str) -> list[tuple[int, int]]:
    """Where whole words of the sentence are the mention: start and end of each place.

    White space makes no difference, case does.
    """
    letters = compact(mention)
    if not 0 < len(letters) <= MOST_CHARACTERS:
        return []
    spaced = r"\s*".join("['’]" if letter == "'" else re.escape(letter) for letter in letters)
    return [found.span() for found in re.finditer(rf"(?<![^\W_]){spaced}(?![^\W_])", sentence)]


def occurs_in(mention: str, sentence: str) -> bool:
    """Whether the sentence has the mention in some place."""
    return bool(places_of(mention, sentence))
