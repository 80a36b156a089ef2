"""Optimism: an estimate, plus a bonus for what is not known, and the best arms by their sum."""

import torch
from torch import Tensor

from bandit.widths import Widths


class UpperConfidence:
    """``acquisition = estimate + nu * width``, with ``nu`` such that the median bonus of the unplayed arms is known.

    (Ours. A constant ``nu`` means nothing: the width has the scale of a gradient, which moves with the network. The
    median bonus can be given in the units of the rewards.)
    """

    def __init__(self, estimate: Tensor, widths: Widths, is_unplayed: Tensor, *, exploration: float):
        """Set ``nu`` once, from the widths as they are.

        Args:
            estimate: Of every arm, `(n,)`.
            widths: Of the same arms, given all played.
            is_unplayed: Which may be picked, `(n,)` bool.
            exploration: Median bonus of these, in the units of the estimate; 0 is greedy.
        """
        width = widths.values()
        self.estimate = estimate
        self.widths = widths
        self._is_unplayed = is_unplayed
        self._nu = exploration / width[is_unplayed].median()
        self.acquisition = estimate + self._nu * width
        """`(n,)`."""

    def best(self, n: int) -> list[int]:
        """The `n` best unplayed arms, one after another: each narrows the widths; ``nu`` and the estimate stay."""
        acquisition, widths, is_free = self.acquisition, self.widths, self._is_unplayed.clone()
        picks: list[int] = []
        for _ in range(min(n, int(is_free.sum()))):
            if picks:
                widths = widths.after(picks[-1])
                acquisition = self.estimate + self._nu * widths.values()
            picks.append(int(acquisition.where(is_free, -torch.inf).argmax()))
            is_free[picks[-1]] = False
        return picks
