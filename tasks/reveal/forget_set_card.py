"""The card beside a forget set: what it holds and how it came about; none of its text, no times and no paths."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.reveal.instructions import ScoredArm

_STOPPED = {
    "size": "there were as many pairs as wanted",
    "responses": "the budget of responses was spent",
    "repeats": "a pass hardly brought anything new",
    "nothing revealed": "nothing that was asked made the model show the target",
}


def forget_set_card(
    target: str,
    scores: Mapping[str, Any],
    arms: Sequence[ScoredArm],
    rows: Sequence[Mapping[str, Any]],
) -> str:
    """The card, in Markdown.

    Args:
        target: Its name.
        scores: Of the result.
        arms: That were asked.
        rows: Of the forget set.
    """
    pairs_of = Counter(row["arm"] for row in rows)
    asked = "\n".join(
        f"| {item.arm} | {_one_cell(item.instruction or '(a soft prompt)')} | {item.outer_round} "
        f"| {item.rescored.score:.3f} | {item.rescored.relevance:.3f} | {item.rescored.diversity:.3f} "
        f"| {pairs_of[item.arm]} |"
        for item in arms
    )
    return f"""# Forget set: {target}

The model wrote these pairs itself, so they hold what it is to forget: handle them as what they may contain.

- {scores["forget_set_size"]} distinct pairs, {scores["held_out"]} of them held out (by prompt) and never trained on
- {scores["responses"]} responses, {scores["yield"]:.1%} of them relevant and usable
- {scores["duplicate"]} repeated pairs left out, and {scores["measured"]} whose prompts the model is measured by
- Vendi score {scores["vendi_score"]:.2f} ({scores["embedding"]}), of {scores["forget_set_size"]} pairs
- It ended because {_STOPPED[scores["stopped"]]}

| arm | instruction | round | score | relevance | diversity | pairs |
|---|---|---|---|---|---|---|
{asked}

Score, relevance and diversity are from samples drawn after the arm had been found.
"""


def _one_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
