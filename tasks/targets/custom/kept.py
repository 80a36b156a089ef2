"""Where the pairs come from that a custom target keeps: a file, or the model's own answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.targets.own_answers import own_answers

CANDIDATES = 4
"""Pairs for one that is wanted: a part is held out, and some of them show the target."""


@dataclass(frozen=True)
class Kept:
    """What a target may keep, before what shows the target is taken out.

    Attributes:
        pairs: Of a file; none: the model writes them.
        prompts: What it answers then.
        max_new_tokens: Of an answer, at most.
    """

    pairs: Sequence[Pair]
    prompts: Sequence[str]
    max_new_tokens: int

    def candidates(self, generator: Generator, *, size: int, seed: int) -> list[Pair]:
        """Pairs for a retain set of about `size`."""
        if self.pairs:
            return list(self.pairs[: CANDIDATES * size])
        return own_answers(
            generator,
            self.prompts[:size],
            number=CANDIDATES * size,
            max_new_tokens=self.max_new_tokens,
            seed=seed,
        )
