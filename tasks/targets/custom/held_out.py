"""Which of a custom target's prompts are only measured by: decided by a hash, so that more prompts move none."""

import hashlib
from collections.abc import Mapping, Sequence

from tasks.lab.splits import Split as Part
from tasks.settings.errors import UserError
from tasks.targets.target import Example, Split

LEAST = 8
"""Prompts of a split."""


def part_of(text: str, parts: int) -> Part:
    """Of so many parts one is `tune` and one `report`; the others are `train`, and may be asked.

    First byte of sha256, modulo `parts` (ours).
    """
    match hashlib.sha256(text.encode()).digest()[0] % parts:
        case 0:
            return "tune"
        case 1:
            return "report"
        case _:
            return "train"


def held_out(
    examples: Mapping[str, Example], num_prompts: Mapping[Split, int], *, parts: int, field: str
) -> dict[Split, Sequence[Example]]:
    """The examples of both splits.

    Args:
        examples: By the text that decides, distinct ones.
        num_prompts: Most of each split.
        parts: See `part_of`.
        field: Where they come from, for the sentence.

    Raises:
        UserError: fewer than 8 fall to a split.
    """
    found: dict[Split, Sequence[Example]] = {}
    for split, most in num_prompts.items():
        found[split] = [example for text, example in examples.items() if part_of(text, parts) == split][:most]
        if len(found[split]) < LEAST:
            raise UserError(
                f"{field}: {len(examples)} prompts, of which {len(found[split])} fall to the split {split}, are too "
                f"few to measure by; give at least {3 * LEAST * parts}."
            )
    return found
