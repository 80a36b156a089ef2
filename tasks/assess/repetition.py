"""Repetition: the first thing that shows when a model breaks."""

from collections.abc import Sequence


def repetition(texts: Sequence[str], n: int = 4) -> float:
    """Share of word n-grams that repeat an earlier one of the same text, over all texts; 0 where there are none."""
    total = repeated = 0
    for text in texts:
        words = text.split()
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        total += len(grams)
        repeated += len(grams) - len(set(grams))
    return repeated / total if total else 0.0
