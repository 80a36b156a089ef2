"""Which trial of a method is reported: the rule that the release holds itself to, applied to the others."""

from collections.abc import Mapping
from typing import Any

from tasks.assess.scores import Scores
from tasks.release.goals import broken_limits, unmet_goals


def best_trial(
    untouched: Scores,
    trials: Mapping[int, Mapping[str, Any]],
    *,
    goal: float,
    goal_nll: float,
    max_drop: float,
    max_perplexity_rise: float,
) -> int:
    """Of the trials within the limits the one that forgets best; where none is within them, the one that breaks fewest.

    Forgetting best is what it is for a step of the release: fewest unmet goals, then the lowest forget metric at any
    measured precision, then the likelihood of held-out revealed pairs, counted up to the goal. All on the tune split.

    Args:
        untouched: Scores of the model before.
        trials: By number, each with its `scores` as JSON, or `diverged` with a sentence; one at least did not diverge.
        goal: See `unmet_goals`.
        goal_nll: See `unmet_goals`.
        max_drop: See `broken_limits`.
        max_perplexity_rise: See `broken_limits`.
    """

    def rank(number: int) -> tuple[int, int, float, float, int]:
        scores = found[number]
        broken = broken_limits(untouched, scores, max_drop=max_drop, max_perplexity_rise=max_perplexity_rise)
        unmet = unmet_goals(scores, goal=goal, goal_nll=goal_nll)
        return len(broken), len(unmet), scores.worst_forget(), -min(scores.own_nll or 0.0, goal_nll), number

    found = {number: Scores.from_json(trial["scores"]) for number, trial in trials.items() if not trial["diverged"]}
    return min(found, key=rank)
