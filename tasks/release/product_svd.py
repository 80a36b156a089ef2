"""The singular value decomposition of a product of two thin factors, without forming the product."""

from typing import NamedTuple

import torch
from torch import Tensor

from tasks.release.adapter import Factors


class ProductSvd(NamedTuple):
    """`B A = U diag(S) V^T`, with `k = min(r, out, in)`."""

    U: Tensor
    """Orthonormal columns, shape `(out, k)`, float64."""
    S: Tensor
    """Singular values, falling, shape `(k,)`, float64."""
    V: Tensor
    """Orthonormal columns, shape `(in, k)`, float64."""


def product_svd(factors: Factors) -> ProductSvd:
    """Thin QR of both factors, then the SVD of a core of at most `r x r`.

    `B A = Q_B (R_B R_A^T) Q_A^T`. In float64 and from the factors themselves: Gram matrices would square their
    condition numbers. No `(out, in)` matrix is formed.
    """
    Q_B, R_B = torch.linalg.qr(factors.B.double())
    Q_A, R_A = torch.linalg.qr(factors.A.double().T)
    U, S, Vh = torch.linalg.svd(R_B @ R_A.T, full_matrices=False)
    return ProductSvd(Q_B @ U, S, Q_A @ Vh.T)
