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
    return _effective_rank(rows, len(rows))


class VendiAccumulator:
    """The Vendi score of a set that grows, at a cost that does not grow with it.

    Only ``S = X^T X`` matters. It is kept as a factor ``F (k, d)`` with ``F^T F = S``: the rows themselves while they
    are few, and never more than d: so a score costs O(min(k, d)^3).
    """

    def __init__(self, num_features: int):
        self._factor = torch.empty(0, num_features, dtype=torch.float64)
        self._num_rows = 0

    def add(self, rows: Tensor) -> None:
        """Take in a batch of unit rows, `(m, d)`."""
        factor = torch.cat([self._factor, rows])
        self._factor = torch.linalg.qr(factor, mode="r").R if len(factor) > factor.shape[1] else factor
        self._num_rows += len(rows)

    def score_with(self, rows: Tensor) -> float:
        """What the score would be with a batch of unit rows, `(m, d)`, besides; it is not taken in."""
        return _effective_rank(torch.cat([self._factor, rows]), self._num_rows + len(rows))

    @property
    def score(self) -> float:
        """Vendi score of all rows so far."""
        return _effective_rank(self._factor, self._num_rows)


def _effective_rank(factor: Tensor, num_rows: int) -> float:
    """``exp`` of the entropy of the eigenvalues of ``F^T F / n``, which sum to 1 where n unit rows went into F."""
    if num_rows == 0:
        return 0.0
    gram = (factor @ factor.T if len(factor) <= factor.shape[1] else factor.T @ factor) / num_rows
    assert torch.isclose(gram.trace(), torch.ones((), dtype=gram.dtype)), "the rows must be unit rows"
    eigenvalues = torch.linalg.eigvalsh(gram).clamp(min=0)  # rounding leaves some just below zero
    return float(torch.special.entr(eigenvalues).sum().exp())
