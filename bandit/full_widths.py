"""Widths from the full covariance of the gradients, without a gradient and without the covariance.

Zhou, Li, Gu: Neural Contextual Bandits with UCB-based Exploration, ICML 2020, arXiv:1911.04462; by Woodbury's identity
over the played arms. For `t` plays: O(n t (h + t)) time a fit, O(n t h) a pick of a batch, O(n d) once for each arm
played; O(n t) memory, whatever the number of parameters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bandit.widths import chunks


class FullCovariance:
    """``width^2 = lam g^T Z^-1 g`` with ``Z = lam I + sum_played g g^T``.

    Woodbury: ``width^2 = |g|^2 - k^T (K + lam I)^-1 k``, with ``k`` the inner products of ``g`` with the gradients of
    the played arms, and ``K`` those among the played arms. (The factor lam is the convention of the published
    instruction searches; the paper has ``sqrt(g^T Z^-1 g / h)``.)
    """

    def __init__(self, x: Tensor, *, lam: float):
        """Of the arms `x (n, d)`, with the regularisation lam > 0."""
        self._inputs = _InputProducts(x)
        self._lam = lam

    def widths(self, activations: Tensor, v: Tensor, played: list[int]) -> "FullWidths":
        """See `Covariance`."""
        products = _GradientProducts(self._inputs, activations, v.double())
        squared = products.squared_norms()
        K = products.between(played, played)
        L = torch.linalg.cholesky(K + self._lam * torch.eye(len(K), dtype=K.dtype, device=K.device))
        for arms, k in products.with_all(played):
            squared[arms] -= torch.linalg.solve_triangular(L, k, upper=False).square().sum(0)
        return FullWidths(products, self._lam, [*played], L, squared)


@dataclass(frozen=True)
class FullWidths:
    """``width^2 = |g|^2 - |L^-1 k|^2`` with ``L L^T = K + lam I``; a play adds a row to ``L`` and one to ``L^-1 k``."""

    _products: "_GradientProducts"
    _lam: float
    _played: list[int]
    _L: Tensor
    _squared: Tensor
    """`(n,)`, float64; a rounding error below zero where nothing is left."""

    def values(self) -> Tensor:
        """See `Widths`."""
        return self._squared.clamp(min=0).sqrt().to(self._products.activations.dtype)

    def after(self, arm: int) -> "FullWidths":
        """See `Widths`: the same as to start over, without a solve for every arm."""
        column = torch.linalg.solve_triangular(self._L, self._products.between(self._played, [arm]), upper=False)
        weights = torch.linalg.solve_triangular(self._L.T, column, upper=True)
        pivot = self._lam + self._squared[arm].clamp(min=0)
        squared, played = self._squared.clone(), [*self._played, arm]
        for arms, k in self._products.with_all(played):
            squared[arms] -= (k[-1] - weights[:, 0] @ k[:-1]).square() / pivot
        L = torch.nn.functional.pad(self._L, (0, 1, 0, 1))
        L[-1] = torch.cat([column[:, 0], pivot.sqrt()[None]])
        return FullWidths(self._products, self._lam, played, L, squared)


@dataclass(frozen=True)
class _GradientProducts:
    """Inner products of gradients at one ``theta``: ``g . g' = (D . D') (x . x' + 1) + A . A' + 1``.

    In float64, since ``|g|^2`` is of order d and the squared width of a played arm of order lam: their difference
    cancels. The factors may be float32: whatever they were rounded to, they are the same numbers on both sides of the
    difference, which is that of a true Gram matrix.
    """

    inputs: "_InputProducts"
    activations: Tensor
    v: Tensor

    def squared_norms(self) -> Tensor:
        """``|g|^2`` of all arms, `(n,)`."""
        squared = torch.empty_like(self.inputs.squared_norms)
        for arms in chunks(*self.activations.shape):
            D, A = self._factors(arms)
            squared[arms] = D.square().sum(1) * (self.inputs.squared_norms[arms] + 1) + A.square().sum(1) + 1
        return squared

    def between(self, played: list[int], arms: slice | list[int]) -> Tensor:
        """Of each of the played arms with each of the others, `(t, m)`."""
        D_played, A_played = self._factors(played)
        D, A = self._factors(arms)
        inputs = A.new_empty(len(A_played), len(A))
        for products, row in zip(inputs, self.inputs.rows(played), strict=True):
            products.copy_(row[arms])
        return D_played @ D.T * (inputs + 1) + A_played @ A.T + 1

    def with_all(self, played: list[int]) -> Iterator[tuple[slice, Tensor]]:
        """Of the played arms with all arms, chunk by chunk of these: which they are, and `(t, m)`."""
        n, h = self.activations.shape
        for arms in chunks(n, max(h, len(played))):
            yield arms, self.between(played, arms)

    def _factors(self, arms: slice | list[int]) -> tuple[Tensor, Tensor]:
        A = self.activations[arms].double()
        return (A > 0) * self.v, A


class _InputProducts:
    """Inner products of feature vectors, ``x . x'``, in float64: no fit changes them, so each is computed once."""

    def __init__(self, x: Tensor):
        self._x = x
        self._rows: dict[int, Tensor] = {}
        self.squared_norms = torch.cat([x[arms].double().square().sum(1) for arms in chunks(*x.shape)])

    def rows(self, played: list[int]) -> list[Tensor]:
        """Of each of the played arms with all arms, `(n,)` each."""
        new = [arm for arm in played if arm not in self._rows]
        for arm in new:
            self._rows[arm] = torch.empty_like(self.squared_norms)
        for arms in chunks(*self._x.shape) if new else ():
            x = self._x[arms].double()
            for arm in new:  # one by one: the same bits, however many are new
                self._rows[arm][arms] = x @ self._x[arm].double()
        return [self._rows[arm] for arm in played]
