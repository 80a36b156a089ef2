"""Making rows comparable that all point the same way, as the hidden states of a language model do.

Su et al.: Whitening Sentence Representations for Better Semantics and Faster Retrieval, arXiv:2103.15316.
Ledoit, Wolf: A well-conditioned estimator for large-dimensional covariance matrices, J. Multivariate Analysis 88, 2004.
"""

from dataclasses import dataclass

import torch
from sklearn.covariance import ledoit_wolf_shrinkage
from torch import Tensor

_POWER = -1 / 4
"""Of the variances. Whole whitening has -1/2, centring alone 0; half-way, the diversity of a set follows the truth best
(ours; `benchmarks/embeddings.py`)."""


@dataclass(frozen=True)
class Whitening:
    """An affine map ``(x - mean) projection``, after which no few directions dominate.

    Attributes:
        mean: Of the reference sample, `(d,)`, float64.
        projection: `(d, k)`, float64.
    """

    mean: Tensor
    projection: Tensor

    @classmethod
    def fit(cls, reference: Tensor) -> "Whitening":
        """Learn from a sample, which may have fewer rows n than columns d.

        ``projection = V (s_1^-1/4, .., s_k^-1/4)``, V the principal directions and s the variances along them, shrunk
        towards their mean: ``s_i = (1 - rho) l_i + rho (l_1 + .. + l_d) / d`` with the rho of Ledoit and Wolf. All
        ``k <= min(n - 1, d)`` directions in which the sample varies are kept (ours: leaving any out made it worse).

        Args:
            reference: Rows `(n, d)`, float64, without duplicates. Fewer than two teach nothing: the map then only
                centres.
        """
        n, d = reference.shape
        mean = reference.sum(dim=0) / max(n, 1)
        centred = reference - mean
        _, singular, directions = torch.linalg.svd(centred, full_matrices=False)
        rank = int((singular > singular[:1] * max(n, d) * torch.finfo(singular.dtype).eps).sum())
        if rank == 0:
            return cls(mean, torch.eye(d, dtype=reference.dtype))
        variances = singular**2 / n
        rho = ledoit_wolf_shrinkage(centred.numpy(), assume_centered=True)
        shrunk = (1 - rho) * variances + rho * variances.sum() / d
        return cls(mean, (directions.T * shrunk**_POWER)[:, :rank].contiguous())

    def __call__(self, rows: Tensor) -> Tensor:
        """Rows `(n, k)` from rows `(n, d)`."""
        return (rows - self.mean) @ self.projection
