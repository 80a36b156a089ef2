"""When a release is done, and what it may cost: read on the `tune` split only, never on what is reported."""

from collections.abc import Mapping, Sequence

from tasks.assess.scores import Scores
from tasks.release.guard import Guard, Trip, tripped
from tasks.settings.reunlearn import ForgottenTarget


def broken_limits(before: Scores, after: Scores, *, max_drop: float, max_perplexity_rise: float) -> list[Trip]:
    """The limits of a release that are broken: an absolute drop of a kept skill, a relative rise of the perplexity.

    With rounded weights, where it was so measured, a skill is held against the untouched model rounded alike: what
    rounding costs is not ours.
    """
    skills = [name for name in after.guarded() if name != "perplexity"]
    guards = [Guard(skill, "higher", max_drop) for skill in skills]
    guards.append(Guard("perplexity", "lower", max_perplexity_rise, relative=True))
    return tripped(guards, before.guarded(), after.guarded())


def come_back(forgotten: Sequence[ForgottenTarget], before: Scores, after: Scores) -> list[Trip]:
    """What was forgotten before a run and is shown by a checkpoint of it, more than its limit allows.

    With rounded weights, where it was so measured, as well.

    Args:
        forgotten: What the untouched model had forgotten already.
        before: Of the untouched model.
        after: Of the checkpoint.
    """
    trips = []
    for one in forgotten:
        was = before.watched(one.watched_as)
        for precision, now in after.watched(one.watched_as).items():
            if not now <= one.limit:
                at = "" if precision == "full" else f" at {precision}"
                sentence = (
                    f"{one.name} is shown again{at}: its forget metric is {now:.3f}, at most {one.limit:g} is allowed"
                )
                trips.append(Trip(f"{one.watched_as}{at}", was[precision], now, one.limit, sentence))
    return trips


def unmet_goals(scores: Scores, *, goal: float, goal_nll: float) -> list[str]:
    """What is still missing before the target counts as forgotten, a sentence each; empty: it is forgotten.

    A greedy forget metric alone never counts (ours): it is 0 as soon as the first token of an answer is blocked, while
    the answer itself is still there. So held-out revealed pairs must have become unlikely as well.
    """
    unmet = []
    if scores.forget > goal:
        unmet.append(f"the forget metric is {scores.forget:.3f}, at most {goal:g} is wanted")
    unmet += [
        f"the forget metric at {scheme} is {rounded['forget']:.3f}, at most {goal:g} is wanted"
        for scheme, rounded in scores.quantised.items()
        if rounded["forget"] > goal
    ]
    if scores.own_nll is None:
        unmet.append("there are no held-out revealed pairs to tell whether the forgetting goes deep")
    elif scores.own_nll < goal_nll:
        unmet.append(f"held-out revealed pairs have an NLL of {scores.own_nll:.2f} a token, {goal_nll:g} is wanted")
    return unmet


_SET_BACK = 0.1
"""Share of what was reached; less is what the retain adapter takes back in a step that goes on to help."""


def set_back(before: Scores, after: Scores, *, goal_nll: float) -> str:
    """One sentence where a step loses forgetting that was reached before; empty where it does not (ours).

    Both must not improve: the forget metric, and the NLL of held-out revealed pairs, counted up to the goal.
    """
    if before.own_nll is None or after.own_nll is None or after.forget < before.forget:
        return ""
    reached, left = min(before.own_nll, goal_nll), min(after.own_nll, goal_nll)
    if left >= (1 - _SET_BACK) * reached:
        return ""
    return f"the NLL of held-out revealed pairs fell back from {reached:.2f} to {left:.2f}"


def best_step(scores: Mapping[int, Scores], *, goal: float, goal_nll: float) -> int:
    """The accepted step with the fewest unmet goals, then the lowest forget metric, then the deepest forgetting.

    Args:
        scores: Of each accepted step, all within the limits; at least one.
        goal: See `unmet_goals`.
        goal_nll: See `unmet_goals`.
    """

    def rank(step: int) -> tuple[int, float, float, int]:
        found = scores[step]
        unmet = len(unmet_goals(found, goal=goal, goal_nll=goal_nll))
        return unmet, found.worst_forget(), -min(found.own_nll or 0.0, goal_nll), step

    return min(scores, key=rank)
