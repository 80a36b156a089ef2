"""How unsure a fitted network is of each arm: the widths of its confidence intervals.

Two covariances of the gradients ``g(x) = d f(x) / d theta`` of the played arms give two widths (bandit/full_widths.py,
bandit/diagonal_widths.py). Neither ever forms a gradient: for one hidden layer ``g = (D x^T, D, A, 1)``, with the
activations ``A = relu(W x + b)`` and ``D = 1[A > 0] * v``, so that `A` of all arms and the vector `v` say everything.

``theta`` moves with every fit and takes all gradients with it: widths are made anew after each, for all played arms at
the present ``theta``. What does not depend on ``theta`` the covariance keeps.

Shapes: `n` arms, `t` played arms, `d` features, `h` hidden units, `m` arms of a chunk.
"""

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor

CHUNK_ELEMENTS = 2**16
"""Numbers in a temporary, at most: 512 KiB in float64, so that a few of them stay in a processor's cache."""


class Widths(Protocol):
    """Confidence widths at one ``theta``, given the arms played. Not changed by anything."""

    def values(self) -> Tensor:
        """One width an arm, `(n,)`, at least 0 and at most ``|g|``, which it is before anything was played."""
        ...

    def after(self, arm: int) -> "Widths":
        """The widths once `arm` is played too, at the same ``theta``; its reward is not needed for that."""
        ...


class Covariance(Protocol):
    """Makes the widths of a fixed set of arms, fit after fit."""

    def widths(self, activations: Tensor, v: Tensor, played: list[int]) -> Widths:
        """Widths at one ``theta``.

        Args:
            activations: Of the hidden layer, every arm, `(n, h)`.
            v: Weights of the output layer, `(h,)`.
            played: Every arm played so far, the initial ones included.
        """
        ...


def chunks(num_rows: int, row_elements: int) -> Iterator[slice]:
    """Slices that cover the rows, each of at most `CHUNK_ELEMENTS` elements, or one row.

    Always the same slices for the same numbers: sums over them then come out the same to the last bit.
    """
    step = max(1, CHUNK_ELEMENTS // row_elements)
    return (slice(start, min(start + step, num_rows)) for start in range(0, num_rows, step))
