"""What all embeddings have in common: a text is embedded once, and every text has a direction."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from tasks.models.row_cache import RowCache


class UnitRows(ABC):
    """An `Embedding` that is told by `_rows` where texts lie, and scales to length 1.

    The last coordinate is that of texts without content, which have no direction otherwise: they are alike, and
    orthogonal to all others.

    Args:
        name: Of the embedding.
        num_columns: Of `_rows`.
    """

    def __init__(self, name: str, num_columns: int):
        self.name = name
        self.num_features = num_columns + 1
        self.forget()

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Unit rows `(n, num_features)` in float64; those of texts seen before are looked up by their hash."""
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        return self._known.rows(keys, lambda new: self._unit_rows([texts[i] for i in new]))

    def forget(self) -> None:
        """Look up none of the texts that were seen so far."""
        self._known = RowCache(self.num_features, torch.float64)

    @abstractmethod
    def _rows(self, texts: Sequence[str]) -> Tensor:
        """Rows of any length `(n, num_columns)`, float64, on the CPU; zero where a text has no content."""

    def _unit_rows(self, texts: Sequence[str]) -> Tensor:
        rows = self._rows(texts)
        lengths = rows.norm(dim=1, keepdim=True)
        is_empty = (lengths == 0).to(rows)
        return torch.cat([rows / (lengths + is_empty), is_empty], dim=1)
