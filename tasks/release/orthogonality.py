"""How much the two updates of a step interfere, from their factors alone: no `(out, in)` matrix is formed.

Two updates are orthogonal if they write to orthogonal directions (output side) or read orthogonal ones (input side).
Near 0 is well; a rising cosine announces collapse.

Principal angles: Bjorck and Golub, "Numerical Methods for Computing Angles Between Linear Subspaces", 1973.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from tasks.release.adapter import Adapter, Factors
from tasks.release.product_svd import product_svd

# Directions of an update below this share of its largest are what rounding factors to float32 leaves (ours).
_RESOLUTION = 1e-6


@dataclass(frozen=True)
class Interference:
    """Between a forget and a retain update: of one layer, or of all they share.

    The output side are the column spaces of the two products `B A`, the input side their row spaces. Of all layers the
    cosine is that of the whole updates, the overlaps are means and the angles are the smallest.
    """

    cosine: float
    """Frobenius cosine of the updates, in [-1, 1]; 0 where one is zero (ours)."""
    output_overlap: float
    """Mean squared cosine of the principal angles, in [0, 1]; two random subspaces of rank r have about r / out."""
    input_overlap: float
    """The same of what the updates read; two random ones have about r / in."""
    output_angle: float
    """Smallest principal angle, in degrees, 0 to 90: of the two directions that are nearest to each other."""
    input_angle: float
    """The same of what the updates read."""


def interference(forget: Adapter, retain: Adapter) -> dict[str, Any]:
    """What a step's record keeps: `overall`, and under `layers` each layer both adapters have, as JSON values.

    Cosines and overlaps are rounded to 6 decimals, angles to 2: a model of 32 blocks has 224 layers.
    """
    layers = {
        name: layer_interference(forget.factors[name], retain.factors[name])
        for name in sorted(forget.factors.keys() & retain.factors.keys())
    }
    overall = _overall(update_cosines(forget, retain)["overall"], list(layers.values()))
    return {"overall": _rounded(overall), "layers": {name: _rounded(layer) for name, layer in layers.items()}}


def layer_interference(forget: Factors, retain: Factors) -> Interference:
    """The interference of two updates of one layer; their ranks may differ, and their scales do not matter."""
    cosine = _cosine(_inner(forget, retain), _inner(forget, forget), _inner(retain, retain))
    (F_out, F_in), (R_out, R_in) = _spaces(forget), _spaces(retain)
    outputs, inputs = principal_cosines(F_out, R_out), principal_cosines(F_in, R_in)
    return Interference(cosine, _overlap(outputs), _overlap(inputs), _smallest_angle(outputs), _smallest_angle(inputs))


def principal_cosines(left: Tensor, right: Tensor) -> Tensor:
    """Cosines of the principal angles between two subspaces, falling: the singular values of `Q_l^T Q_r`.

    `||Q_l^T Q_r||_F^2` is the sum of their squares. There are as many as the smaller subspace has dimensions.

    Args:
        left: Orthonormal columns that span the one, shape `(n, k)`, float64.
        right: The same of the other, shape `(n, l)`.
    """
    return torch.linalg.svdvals(left.T @ right).clamp(max=1.0)


def update_cosines(forget: Adapter, retain: Adapter) -> dict[str, float]:
    """Frobenius cosine of the two updates for each layer they share, and over all of these under the key `overall`.

    `<B_F A_F, B_R A_R> = tr((B_F^T B_R)(A_R A_F^T))`, and the norms likewise: from `r x r` products only, in float64;
    no `(out, in)` matrix is formed. The scales cancel. 0 where an update is zero (ours).
    """
    products = {}
    for name in sorted(forget.factors.keys() & retain.factors.keys()):
        f, r = forget.factors[name], retain.factors[name]
        products[name] = (_inner(f, r), _inner(f, f), _inner(r, r))
    totals = [math.fsum(column) for column in zip(*products.values(), strict=True)]
    return {"overall": _cosine(*totals)} | {name: _cosine(*triple) for name, triple in products.items()}


def _spaces(factors: Factors) -> tuple[Tensor, Tensor]:
    """Orthonormal bases of the column and the row space of `B A`, shapes `(out, k)` and `(in, k)`.

    Of the product, not of `B` and `A` each: where one lacks rank the other spans directions that nothing is written to
    or read from. A zero update has k = 0.
    """
    U, S, V = product_svd(factors)
    floor = _RESOLUTION * S.max()
    is_there = floor < S
    return U[:, is_there], V[:, is_there]


def _overlap(cosines: Tensor) -> float:
    return float(cosines.square().mean()) if len(cosines) else 0.0


def _smallest_angle(cosines: Tensor) -> float:
    return math.degrees(math.acos(float(cosines[0]))) if len(cosines) else 90.0


def _overall(cosine: float, layers: Sequence[Interference]) -> Interference:
    return Interference(
        cosine,
        math.fsum(layer.output_overlap for layer in layers) / len(layers),
        math.fsum(layer.input_overlap for layer in layers) / len(layers),
        min(layer.output_angle for layer in layers),
        min(layer.input_angle for layer in layers),
    )


def _rounded(value: Interference) -> dict[str, float]:
    return {name: round(number, 2 if name.endswith("angle") else 6) for name, number in asdict(value).items()}


def _inner(left: Factors, right: Factors) -> float:
    """Frobenius inner product of two products `B A`."""
    return float(((left.B.double().T @ right.B.double()) * (left.A.double() @ right.A.double().T)).sum())


def _cosine(inner: float, left_square: float, right_square: float) -> float:
    norms = math.sqrt(left_square * right_square)
    return inner / norms if norms > 0 else 0.0
