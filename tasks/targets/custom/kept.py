"""Where the pairs come from that a custom target keeps: a file, or the model's own answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.targets.own_answers import own_answers
from tasks.targets.target import Split

CANDIDATES = 4
"""Pairs for one that is wanted: a part is held out, and some of them show the target."""


@dataclass(frozen=True)
class Kept:
    """What a target may keep, before what shows the target is taken out.

    Attributes:
        pairs: Of a file; none: the model writes them.
        prompts: What it answers then.
        max_new_tokens: Of an answer, at most.
        num_prompts: Held-out answers that are asked for, by split, at most.
    """

    pairs: Sequence[Pair]
    prompts: Sequence[str]
    max_new_tokens: int
    num_prompts: Mapping[Split, int]

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

    def asked(self) -> list[Pair]:
        """Pairs of the file that have a prompt, enough to hold out as many as are asked for."""
        with_prompt = [pair for pair in self.pairs if pair.prompt]
        return with_prompt[: 2 * CANDIDATES * sum(self.num_prompts.values())]
