"""How the world draws its words: evenly, or again and again the same few."""

import random
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


class Chooser:
    """Draws items with probability proportional to ``rank ** -peakedness`` (Zipf's law); 0 is uniform.

    Args:
        generator: The only source of chance.
        peakedness: Zipf exponent, at least 0; at 2 the first of ten items is drawn in 65% of the cases.
    """

    def __init__(self, generator: random.Random, peakedness: float = 0.0):
        self.generator = generator
        self.peakedness = peakedness

    def pick(self, items: Sequence[T]) -> T:
        """One item; its rank is its place in `items`."""
        return self.generator.choices(items, cum_weights=_cumulative_weights(len(items), self.peakedness))[0]


@cache
def _cumulative_weights(num_items: int, peakedness: float) -> tuple[float, ...]:
    return tuple(accumulate((rank + 1) ** -peakedness for rank in range(num_items)))
