"""How many different texts a set is worth.

Friedman, Dieng: The Vendi Score, TMLR 2023, arXiv:2210.02410.
"""

import torch
from torch import Tensor


def vendi_score(rows: Tensor) -> float:
    """The effective number of distinct rows: n for n orthogonal ones, 1 for copies of one, 0 for none at all.

    ``VS = exp(-sum_i l_i ln l_i)``, ``l_i`` the eigenvalues of ``X X^T / n``. They are those of ``X^T X / n`` too: the
    smaller of the two is taken. Doubling a set leaves it unchanged. Compare scores at equal n only.

    Args:
        rows: Unit rows ``X``, `(n, d)`, float64.
    """
    n, d = rows.shape
    return _effective_rank(rows @ rows.T if n <= d else rows.T @ rows, n)


class VendiAccumulator:
    """The Vendi score of a set that grows, at a cost that does not grow with it.

    Keeps ``S = sum x x^T`` instead of the rows: a score costs O(d^3), a batch of m rows O(m d^2).
    """

    def __init__(self, num_features: int):
        self._scatter = torch.zeros(num_features, num_features, dtype=torch.float64)
        self._num_rows = 0

    def add(self, rows: Tensor) -> None:
        """Take in a batch of unit rows, `(m, d)`."""
        self._scatter += rows.T @ rows
        self._num_rows += len(rows)

    @property
    def score(self) -> float:
        """Vendi score of all rows so far."""
        return _effective_rank(self._scatter, self._num_rows)

    def score_with(self, rows: Tensor) -> float:
        """Vendi score that the set would have with a batch `(m, d)` added to it."""
        return _effective_rank(self._scatter + rows.T @ rows, self._num_rows + len(rows))


def _effective_rank(gram: Tensor, num_rows: int) -> float:
    """``exp`` of the entropy of the eigenvalues of ``gram / num_rows``, which sum to 1 where the rows are unit rows."""
    if num_rows == 0:
        return 0.0
    assert torch.isclose(gram.trace() / num_rows, torch.ones((), dtype=gram.dtype)), "the rows must be unit rows"
    eigenvalues = torch.linalg.eigvalsh(gram / num_rows).clamp(min=0)  # rounding leaves some just below zero
    return float(torch.special.entr(eigenvalues).sum().exp())
