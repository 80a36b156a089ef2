"""Numbers that a target reports of a checkpoint beside its metrics: they decide nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tasks.models.pair import Pair


@dataclass(frozen=True)
class Detail:
    """One number; which way is better, empty where neither is; and how many prompts or answers it is of."""

    value: float
    better: Literal["higher", "lower", ""]
    n: int


@dataclass(frozen=True)
class Details:
    """What a target reports of a checkpoint.

    Attributes:
        numbers: By what a person reads, such as "share above 0.5".
        written: What the checkpoint wrote, where its perplexity under the untouched model is to be told as well.
    """

    numbers: Mapping[str, Detail] = field(default_factory=dict)
    written: Sequence[Pair] = ()


NO_DETAILS = Details()
"""Of a target whose metrics say it all."""
