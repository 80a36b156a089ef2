"""Features and rewards on the scale that the network, and the theory, expect."""

import torch
from torch import Tensor


def standardise(values: Tensor) -> Tensor:
    """Zero mean and unit variance along the first dimension; what does not vary becomes zero."""
    centred = values - values.mean(0)
    deviation = centred.square().mean(0).sqrt()
    # Constant columns have a deviation of rounding errors, not of zero.
    is_constant = deviation <= 1e-6 * values.abs().amax(0)
    return torch.where(is_constant, 0.0, centred / deviation)


def normalise(features: Tensor) -> Tensor:
    """Standardised features, each arm then scaled to the norm ``sqrt(d)``; `(n, d)`.

    The theory assumes equal norms; with standardised features alone the width follows the length of an arm more than
    its novelty.

    Raises:
        ValueError: features are not a matrix of finite floating-point numbers.
    """
    if features.ndim != 2 or not features.is_floating_point() or not features.isfinite().all():
        raise ValueError(
            f"features must be a matrix of finite floating-point numbers, one row an arm, "
            f"not {features.dtype} of shape {tuple(features.shape)}"
        )
    x = standardise(features)
    norm = x.norm(dim=1, keepdim=True)
    return torch.where(norm > 0, x * features.shape[1] ** 0.5 / norm, 0.0)
