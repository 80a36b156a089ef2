"""Widths from the diagonal of the covariance of the gradients, without a gradient.

Zhou, Li, Gu: Neural Contextual Bandits with UCB-based Exploration, ICML 2020, arXiv:1911.04462, which uses the diagonal
in its experiments. Two matrix products a fit, O(n d h) time like the network's own pass, and O(n h + h d) memory.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bandit.widths import chunks


class DiagonalCovariance:
    """``width^2 = lam sum_j g_j^2 / U_j`` with ``U_j = lam + sum_played g_j^2``: how new a gradient is, one by one.

    (The factor lam is the convention of the published instruction searches.) Since ``g = (D x^T, D, A, 1)``, the sum
    over the weights of the hidden layer is ``D^2 . (x^2 (1/U_W)^T)``. Nothing cancels: all in the features' dtype.
    """

    def __init__(self, x: Tensor, *, lam: float):
        """Of the arms `x (n, d)`, with the regularisation lam > 0."""
        self._x = x
        self._lam = lam

    def widths(self, activations: Tensor, v: Tensor, played: list[int]) -> "DiagonalWidths":
        """See `Covariance`."""
        D2, A2 = (activations[played] > 0) * v.square(), activations[played].square()
        U_W = self._lam + D2.T @ self._x[played].square()
        return DiagonalWidths(
            self._x,
            activations,
            v.square(),
            self._lam,
            U_W,
            U_b=self._lam + D2.sum(0),
            U_v=self._lam + A2.sum(0),
            U_c=self._lam + len(played),
            weighted_squares=_weighted_squares(self._x, U_W),
        )


@dataclass(frozen=True)
class DiagonalWidths:
    """The diagonal by layer, ``U_W (h, d)``, ``U_b (h,)``, ``U_v (h,)``, ``U_c``, and ``x^2 (1/U_W)^T (n, h)``."""

    x: Tensor
    activations: Tensor
    v2: Tensor
    lam: float
    U_W: Tensor
    U_b: Tensor
    U_v: Tensor
    U_c: float
    weighted_squares: Tensor

    def values(self) -> Tensor:
        """See `Widths`."""
        return torch.cat([self._squared(arms) for arms in chunks(*self.activations.shape)]).sqrt()

    def _squared(self, arms: slice) -> Tensor:
        A = self.activations[arms]
        over_hidden = ((A > 0) * (self.weighted_squares[arms] + 1 / self.U_b)) @ self.v2
        return self.lam * (over_hidden + A.square() @ (1 / self.U_v) + 1 / self.U_c)

    def after(self, arm: int) -> "DiagonalWidths":
        """See `Widths`. Only the units that `arm` switches on are computed anew."""
        A = self.activations[arm]
        is_on = A > 0
        U_W, weighted = self.U_W.clone(), self.weighted_squares.clone()
        U_W[is_on] += torch.outer(self.v2[is_on], self.x[arm].square())
        weighted[:, is_on] = _weighted_squares(self.x, U_W[is_on])
        return replace(
            self,
            U_W=U_W,
            U_b=self.U_b + is_on * self.v2,
            U_v=self.U_v + A.square(),
            U_c=self.U_c + 1,
            weighted_squares=weighted,
        )


def _weighted_squares(x: Tensor, U_W: Tensor) -> Tensor:
    """``x^2 (1/U_W)^T``, `(n, h)`, without the squares of all arms at once."""
    inverse = U_W.reciprocal().T.contiguous()
    weighted = x.new_empty(len(x), len(U_W))
    for arms in chunks(*x.shape):
        weighted[arms] = x[arms].square() @ inverse
    return weighted
