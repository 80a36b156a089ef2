"""What a step must not break: limits on metrics, read against the untouched model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

_ROUNDING = 1e-9  # .97 - .94 is a little more than .03 in floating point


@dataclass(frozen=True)
class Guard:
    """One metric and how much worse than before it may be."""

    metric: str
    better: Literal["higher", "lower"]
    limit: float
    """Allowed worsening, at least 0."""
    relative: bool = False
    """The limit is a share of the value before, not a difference."""

    def worsening(self, before: float, after: float) -> float:
        """How much worse it became, in the unit of the limit; below zero if it became better."""
        worse = before - after if self.better == "higher" else after - before
        return worse / before if self.relative else worse


@dataclass(frozen=True)
class Trip:
    """A guard that tripped."""

    metric: str
    before: float
    after: float
    limit: float
    sentence: str


def tripped(guards: Sequence[Guard], before: Mapping[str, float], after: Mapping[str, float]) -> list[Trip]:
    """The guards whose metric is worse than its limit allows; a value that is not a number trips.

    Args:
        guards: Each names a metric that both mappings hold.
        before: Values of the untouched model.
        after: Values of the candidate.
    """
    return [
        Trip(guard.metric, before[guard.metric], after[guard.metric], guard.limit, _sentence(guard, before, after))
        for guard in guards
        if not guard.worsening(before[guard.metric], after[guard.metric]) <= guard.limit + _ROUNDING
    ]


def _sentence(guard: Guard, before: Mapping[str, float], after: Mapping[str, float]) -> str:
    direction = "fell" if guard.better == "higher" else "rose"
    limit = f"{guard.limit:.1%}" if guard.relative else f"{guard.limit:.3g}"
    return (
        f"{guard.metric} {direction} from {before[guard.metric]:.3f} to {after[guard.metric]:.3f}, {limit} is allowed"
    )
