"""One release step: a forget adapter, a retain adapter, their merge, and the decision whether it stays.

F trained on the open forget pairs from theta_{k-1}
R trained on the retain pairs from theta_{k-1} (`parallel`) or from theta_{k-1} - a F (`residual`, ours)
theta_k = theta_{k-1} - a F + b R, if it keeps within the guards and does not set the forgetting back; else once more
with halved weights; else undone
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tasks.models.language_model import LanguageModel
from tasks.release.adapter import Adapter
from tasks.release.candidates import Weights, merge_updates
from tasks.release.guard import Trip
from tasks.release.merge import Checkpoints, Update
from tasks.release.orthogonality import interference


@dataclass(frozen=True)
class Attempt:
    """One pair of merge weights that was tried."""

    forget_weight: float
    retain_weight: float
    scores: Mapping[str, float]
    tripped: tuple[Trip, ...]
    set_back: str = ""
    """What it loses of the forgetting reached before; empty: nothing."""

    @property
    def stays(self) -> bool:
        """It may be kept."""
        return not self.tripped and not self.set_back


@dataclass(frozen=True)
class Decision:
    """What became of a step: the content of its `merge.json`."""

    step: int
    forget_weight: float
    """a as merged, 0 if the step was undone."""
    retain_weight: float
    """b as merged, 0 if the step was undone."""
    accepted: bool
    why: str
    attempts: tuple[Attempt, ...]
    interference: Mapping[str, Any]
    """Between the forget and the retain update, `overall` and by `layers`."""

    def record(self) -> dict[str, Any]:
        """JSON values; a number that is not finite, such as the perplexity of a broken candidate, becomes null."""
        return _finite(asdict(self))


def residual_updates(updates: Sequence[Update], forget: Adapter, *, forget_weight: float) -> list[Update]:
    """The updates on top of which the retain adapter of the `residual` order is trained: theta_{k-1} - a F (ours).

    So it learns what the subtraction broke; in `parallel` order it is trained on theta_{k-1}, as the forget adapter.
    """
    return [*updates, Update(forget, -forget_weight)]


def settle(
    lm: LanguageModel,
    checkpoints: Checkpoints,
    updates: Sequence[Update],
    *,
    step: int,
    forget: Adapter,
    retain: Adapter,
    weights: Weights,
    measure: Callable[[], Mapping[str, float]],
    guard: Callable[[Mapping[str, float]], Sequence[Trip]],
    set_back: Callable[[], str] = str,
) -> tuple[Decision, list[Update]]:
    """Merge two trained adapters with `(a, b)`, else with `(a/2, b/2)`, else not at all.

    Args:
        lm: Of the shape of theta_0; left at theta_k.
        checkpoints: Of theta_0.
        updates: From theta_0 to theta_{k-1}.
        step: k.
        forget: F.
        retain: R.
        weights: a and b.
        measure: Scores of the loaded model.
        guard: The limits that scores break.
        set_back: Called after `measure`: one sentence where forgetting falls back behind the step before, else empty.

    Returns:
        The decision, and the updates from theta_0 to theta_k.
    """
    attempts: list[Attempt] = []
    for share in (1.0, 0.5):
        tried = Weights(share * weights.forget, share * weights.retain)
        candidate = [*updates, *merge_updates(tried, forget, retain)]
        checkpoints.apply(lm, candidate)
        scores = dict(measure())
        attempts.append(Attempt(*tried, scores, tuple(guard(scores)), set_back()))
        if attempts[-1].stays:
            break
    else:
        tried = Weights(0.0, 0.0)
        candidate = list(updates)
        checkpoints.apply(lm, candidate)
    why = _why(attempts)
    return Decision(step, *tried, attempts[-1].stays, why, tuple(attempts), interference(forget, retain)), candidate


def _why(attempts: Sequence[Attempt]) -> str:
    broken = ["; ".join(filter(None, [*(t.sentence for t in a.tripped), a.set_back])) for a in attempts]
    if not broken[0]:
        return "within all limits"
    if not broken[-1]:
        return f"within all limits at half the merge weights; at the full ones {broken[0]}"
    return f"undone, even at half the merge weights {broken[-1]}"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
