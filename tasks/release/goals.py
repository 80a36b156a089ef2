"""When a release is done, and what it may cost: read on the `tune` split only, never on what is reported."""

from collections.abc import Iterable

from tasks.assess.scores import Scores
from tasks.release.guard import Guard


def release_guards(utility: Iterable[str], *, max_drop: float, max_perplexity_rise: float) -> list[Guard]:
    """The limits of a release: an absolute drop for each kept skill, a relative rise of the perplexity on kept text."""
    return [
        *(Guard(skill, "higher", max_drop) for skill in utility),
        Guard("perplexity", "lower", max_perplexity_rise, relative=True),
    ]


def unmet_goals(scores: Scores, *, goal: float, goal_nll: float) -> list[str]:
    """What is still missing before the target counts as forgotten, a sentence each; empty: it is forgotten.

    A greedy forget metric alone never counts (ours): it is 0 as soon as the first token of an answer is blocked, while
    the answer itself is still there. So held-out revealed pairs must have become unlikely as well.
    """
    unmet = []
    if scores.forget > goal:
        unmet.append(f"the forget metric is {scores.forget:.3f}, at most {goal:g} is wanted")
    if scores.own_nll is None:
        unmet.append("there are no held-out revealed pairs to tell whether the forgetting goes deep")
    elif scores.own_nll < goal_nll:
        unmet.append(f"held-out revealed pairs have an NLL of {scores.own_nll:.2f} a token, {goal_nll:g} is wanted")
    return unmet
