"""What quantisation brings back, in two numbers (Zhang et al., arXiv:2410.16454; definitions as in their tables)."""

_LEAST_CHANGE = 0.05
"""Of the metric by unlearning: where it hardly changed there is nothing to recover, and the share would be noise."""
_ROUNDING = 1e-9  # .25 - .2 is a little less than .05 in floating point


def retention(unlearned: float, original: float) -> float | None:
    """Share of a metric that is left: `unlearned / original`, both at the same precision; none where that was 0."""
    return unlearned / original if original else None


def recovery(*, quantised: float, full: float, original: float) -> float | None:
    """Share of what unlearning took that rounding gives back: `(quantised - full) / (original - full)`.

    0: nothing; 1: all of it; below 0: rounding takes more. None where unlearning changed the metric by less than .05.

    Args:
        quantised: Of the unlearned model with rounded weights.
        full: Of the unlearned model as it is.
        original: Of the untouched model as it is.
    """
    taken = original - full
    return (quantised - full) / taken if abs(taken) >= _LEAST_CHANGE - _ROUNDING else None
