"""Steps as one adapter: exactly, by concatenation, or at a lower rank with a measured error.

Best approximation: Eckart and Young, "The approximation of one matrix by another of lower rank", 1936.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import pad

from tasks.release.adapter import Adapter, Factors
from tasks.release.merge import Update
from tasks.release.product_svd import ProductSvd, product_svd


@dataclass(frozen=True, eq=False)
class Recompression:
    """An adapter at a lower rank, and what that costs."""

    adapter: Adapter
    errors: Mapping[str, float]
    """By layer: `||update - approximation||_F / ||update||_F`; 0 where the update is zero."""
    error: float
    """The same of all layers as one vector."""


def concatenated(updates: Sequence[Update]) -> Adapter:
    """The weighted sum of updates as one adapter of the sum of their ranks, exact, with scale 1.

    `B = [w_1 s_1 B_1 | w_2 s_2 B_2 | ...]`, `A = [A_1; A_2; ...]`, in the order of the updates: a step, forget adapter
    before retain adapter, is `[-a s_F B_F | b s_R B_R]` of rank 2r, and the steps 1..k follow each other.

    Merged with weight 1 it gives the bytes that the updates give where each of them has every layer, as trained
    adapters do: both are then the same product of the same float32 factors. Where one lacks a layer it is filled up
    with zeros, the product has another shape, and sums may round differently.

    Args:
        updates: At least one.
    """
    assert updates, "no update: there is no adapter that changes nothing"
    names = sorted({name for update in updates for name in update.adapter.factors})
    factors = {name: _joined([_weighted(update, name, updates) for update in updates]) for name in names}
    return Adapter(factors, alpha=sum(update.adapter.rank for update in updates))


def recompressed(adapter: Adapter, rank: int) -> Recompression:
    """The best approximation of an adapter at a lower rank, layer by layer, and its error as measured.

    Thin QR of both factors and the SVD of the small core, in float64; singular values are shared out between the
    factors by their roots. No `(out, in)` matrix is formed. The scale of the result is 1.

    Args:
        adapter: Of any scale.
        rank: From 1 to the adapter's.
    """
    assert 1 <= rank <= adapter.rank, f"rank {rank} of 1 to {adapter.rank}"
    factors, squares = {}, {}
    for name, given in adapter.factors.items():
        scaled = Factors(given.A.double(), adapter.scale * given.B.double())
        factors[name] = _truncated(product_svd(scaled), rank)
        missed = _joined([scaled, Factors(factors[name].A.double(), -factors[name].B.double())])
        squares[name] = (_square(missed), _square(scaled))
    totals = [math.fsum(column) for column in zip(*squares.values(), strict=True)]
    errors = {name: _ratio(*pair) for name, pair in squares.items()}
    return Recompression(Adapter(factors, alpha=rank), errors, _ratio(*totals))


def _weighted(update: Update, name: str, updates: Sequence[Update]) -> Factors:
    """The factors of one layer with weight and scale in `B`; zeros where the update lacks the layer."""
    adapter = update.adapter
    if name not in adapter.factors:
        like = next(other.adapter.factors[name] for other in updates if name in other.adapter.factors)
        return Factors(like.A.new_zeros(adapter.rank, like.A.shape[1]), like.B.new_zeros(like.B.shape[0], adapter.rank))
    A, B = adapter.factors[name]
    # Multiplied in the order of `merged_weight`: in another one float32 rounds to other bytes.
    return Factors(A, update.weight * adapter.scale * B)


def _joined(parts: Sequence[Factors]) -> Factors:
    return Factors(torch.cat([A for A, _ in parts], dim=0), torch.cat([B for _, B in parts], dim=1))


def _truncated(svd: ProductSvd, rank: int) -> Factors:
    """The first singular triples as float32 factors; zeros where a small layer has fewer than `rank`."""
    roots = svd.S[:rank].sqrt()
    A, B = (svd.V[:, :rank] * roots).T, svd.U[:, :rank] * roots
    missing = rank - len(roots)
    return Factors(pad(A, (0, 0, 0, missing)).float(), pad(B, (0, missing)).float())


def _square(factors: Factors) -> float:
    """Squared Frobenius norm of `B A`: from the core, because a difference of Gram matrices would cancel."""
    _, S, _ = product_svd(factors)
    return float(S.square().sum())


def _ratio(part: float, whole: float) -> float:
    return math.sqrt(part / whole) if whole > 0 else 0.0
