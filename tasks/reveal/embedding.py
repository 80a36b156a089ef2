"""Where a text lies, for the purpose of telling kinds of text apart: what every embedding of responses can do."""

from collections.abc import Sequence
from typing import Protocol

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

    def forget(self) -> None:
        """Compute every row anew from here on: its last bits may depend on the texts that are read with it."""
