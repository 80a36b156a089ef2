"""A kept skill for any target: to go on giving the answers of the retain file."""

from collections.abc import Mapping, Sequence

from tasks.lab.splits import split_of
from tasks.models.pair import Pair
from tasks.targets.knowledge.recall import mean_rouge
from tasks.targets.target import Metric, Split

KEPT_ANSWERS = "kept answers"
FEWEST = 30
"""Of each split, unless fewer are asked for: of less than these one answer alone would go beyond a usual limit."""


def kept_answers(pairs: Sequence[Pair], num_prompts: Mapping[Split, int]) -> tuple[Metric, ...]:
    """ROUGE-L recall of held-out answers; nothing where the pairs have no prompts, or too few for both splits.

    Args:
        pairs: What is kept; the splits are those of `split_retain`, so none of them is trained on.
        num_prompts: Of each split, at most.
    """
    examples = {
        split: tuple(pair for pair in pairs if pair.prompt and split_of(pair.prompt + pair.response) == split)[:number]
        for split, number in num_prompts.items()
    }
    is_enough = all(len(examples[split]) >= min(FEWEST, number) for split, number in num_prompts.items())
    return (Metric(KEPT_ANSWERS, examples, mean_rouge),) if is_enough else ()
