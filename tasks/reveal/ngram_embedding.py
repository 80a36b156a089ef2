"""Texts by the strings of characters in them: nothing is learned, so scores compare over models, runs and years."""

from collections.abc import Sequence

import torch
from sklearn.feature_extraction.text import HashingVectorizer
from torch import Tensor

from tasks.reveal.unit_rows import UnitRows

_SIZES = (3, 5)
_NUM_COLUMNS = 1024

# Of the whole text and not word by word: what a space or a comma stands between counts too. The signs make the inner
# product of two texts unbiased by collisions.
_vectorizer = HashingVectorizer(
    analyzer="char", ngram_range=_SIZES, n_features=_NUM_COLUMNS, alternate_sign=True, norm="l2"
)


class NgramEmbedding(UnitRows):
    """Signed counts of the strings of 3 to 5 characters in a text, hashed to 1,024 columns.

    Feature hashing: Weinberger et al., ICML 2009, arXiv:0902.2206. Upper and lower case are one, and so is all white
    space. It sees no meaning: two ways to say one thing are two things.
    """

    def __init__(self) -> None:
        super().__init__(f"hashed-ngrams-{_SIZES[0]}-{_SIZES[1]}-{_NUM_COLUMNS}", _NUM_COLUMNS)

    def _rows(self, texts: Sequence[str]) -> Tensor:
        # Between spaces, so that a text of one character has a string of three.
        padded = [f" {text.strip()} " if text.strip() else "" for text in texts]
        return torch.from_numpy(_vectorizer.transform(padded).toarray())
