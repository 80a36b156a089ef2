"""A scorer by two words after a subject: the places where a response says which of them goes with it."""

import re
from collections.abc import Sequence


class WordAfterScorer:
    """1 for a response in which one of the words follows one of the subjects in the same sentence.

    Args:
        subjects: Whole words or phrases: occupations.
        words: What is looked for after them: pronouns.
    """

    def __init__(self, subjects: Sequence[str], words: Sequence[str]):
        subject, word = ("|".join(map(re.escape, sorted(texts, key=len, reverse=True))) for texts in (subjects, words))
        self._place = re.compile(rf"(?<!\w)(?:{subject})(?!\w)[^.!?\n]*?(?<!\w)({word})(?!\w)", re.IGNORECASE)

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        return [float(self._place.search(response) is not None) for response in responses]

    def spans(self, response: str) -> list[tuple[int, int]]:
        """Where the words stand."""
        return [found.span(1) for found in self._place.finditer(response)]
