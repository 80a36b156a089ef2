"""Rows of numbers that are dear to compute, kept in memory as long as there is room."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_MAX_BYTES = 256 * 2**20
"""Holds 10,000 rows of 4,096 float32 numbers, and a half more."""


class RowCache:
    """Rows by key, so that none is computed twice; the least recently used make room when it is full.

    Args:
        num_columns: Length of a row.
        dtype: Of the rows.
        max_bytes: What the rows may take.
    """

    def __init__(self, num_columns: int, dtype: torch.dtype, *, max_bytes: int = _MAX_BYTES):
        self._empty = torch.empty(0, num_columns, dtype=dtype)
        self._max_rows = max(1, max_bytes // (num_columns * dtype.itemsize))
        self._known: OrderedDict[bytes, Tensor] = OrderedDict()

    def rows(self, keys: Sequence[bytes], compute: Callable[[list[int]], Tensor]) -> Tensor:
        """The row of each key, shape `(keys, num_columns)`, on the CPU.

        Args:
            keys: Digests, rather than what they are of, which may be long or sensitive.
            compute: From the places of unknown keys, a place for each different one, to their rows in that order; it is
                called at most once.
        """
        first_place: dict[bytes, int] = {}
        for place, key in enumerate(keys):
            if key in self._known:
                self._known.move_to_end(key)
            else:
                first_place.setdefault(key, place)
        if first_place:
            computed = compute(list(first_place.values())).to(self._empty)
            # Clones, because a view would keep the whole table it is of.
            self._known |= {key: row.clone() for key, row in zip(first_place, computed, strict=True)}
        found = torch.stack([self._known[key] for key in keys]) if keys else self._empty.clone()
        while len(self._known) > self._max_rows:
            self._known.popitem(last=False)
        return found
