"""Where a text lies, for the purpose of telling kinds of text apart: hashed words and pairs of words.

Nothing is learned or downloaded, so the space is the same for every model, run and year, and scores in it compare.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from sklearn.feature_extraction.text import HashingVectorizer
from torch import Tensor


class Embedding(Protocol):
    """Where texts lie, for the purpose of telling kinds of text apart.

    Attributes:
        name: Goes where scores are reported: scores compare only where it is the same.
        num_features: Of a row.
    """

    name: str
    num_features: int

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Unit rows `(n, num_features)`, float64; a text without content has a direction too."""


NUM_FEATURES = 1024
NAME = f"hashed-words-1-2-{NUM_FEATURES}"
"""Goes where scores are reported: scores of two embeddings do not compare."""

NOTHING = "∅"
"""Stands for a text without a token, so that every row has a direction; no two such texts differ."""

# Punctuation counts as words: it is most of what tells one line of code from another.
_vectorizer = HashingVectorizer(
    analyzer="word",
    token_pattern=r"\w+|[^\w\s]",  # noqa: S106 (no password)
    ngram_range=(1, 2),
    n_features=NUM_FEATURES,
    alternate_sign=True,
    norm="l2",
)


def embed(texts: Sequence[str]) -> Tensor:
    """Unit rows `(n, 1024)` in float64, one a text: signed counts of its words and pairs of neighbouring words.

    The signs make the inner product of two texts unbiased by collisions (feature hashing: Weinberger et al., ICML 2009,
    arXiv:0902.2206). Upper and lower case are one.
    """
    if not texts:
        return torch.empty(0, NUM_FEATURES, dtype=torch.float64)
    # No row is zero: a text of t tokens has 2 t - 1 words and pairs, and an odd number of signs does not cancel out.
    return torch.from_numpy(_vectorizer.transform([text if text.strip() else NOTHING for text in texts]).toarray())
