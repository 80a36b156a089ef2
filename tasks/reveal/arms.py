"""The arms of the search and where they come from: instructions in words, and soft prompts.

A source draws arms from everywhere and arms near good ones; a mixed pool takes half of its arms from each source.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from tasks.reveal.grammar import Choices, Grammar, neighbour_instructions, sample_instructions
from tasks.reveal.soft_prompts import Point, neighbour_points, sobol_points


@dataclass(frozen=True)
class TextArm:
    """An instruction that a person can read; the same as another when its text is."""

    instruction: str
    choices: Choices | None = field(default=None, compare=False)
    """Of the grammar; none where the model wrote the instruction."""


@dataclass(frozen=True)
class SoftArm:
    """A soft prompt, by its place in the space of soft prompts."""

    point: Point


Arm = TextArm | SoftArm


class ArmSource(Protocol):
    """Where a pool gets its arms from; fewer come back than are wanted where there are no more."""

    def draw(self, n: int, known: Collection[Arm], generator: torch.Generator) -> list[Arm]:
        """`n` arms from everywhere, none of them known."""

    def near(self, good: Sequence[Arm], n: int, known: Collection[Arm], generator: torch.Generator) -> list[Arm]:
        """`n` arms near good ones, none of them known."""


@dataclass(frozen=True)
class GrammarSource:
    """Instructions composed by a grammar; near ones recombine two good ones or change one slot.

    Attributes:
        grammar: The slots.
        may_ask: Whether an instruction is allowed.
    """

    grammar: Grammar
    may_ask: Callable[[str], bool]

    def draw(self, n: int, known: Collection[Arm], generator: torch.Generator) -> list[Arm]:
        """Drawn evenly from the whole grammar."""
        texts = _texts(known)
        found = sample_instructions(self.grammar, n, may_ask=self.may_ask, known=texts, generator=generator)
        return _text_arms(found)

    def near(self, good: Sequence[Arm], n: int, known: Collection[Arm], generator: torch.Generator) -> list[Arm]:
        """Near the good ones that the grammar made."""
        choices = [arm.choices for arm in good if isinstance(arm, TextArm) and arm.choices]
        if not choices:
            return []
        texts = _texts(known)
        found = neighbour_instructions(self.grammar, choices, n, may_ask=self.may_ask, known=texts, generator=generator)
        return _text_arms(found)


@dataclass(frozen=True)
class SoftSource:
    """Soft prompts at points of the unit cube; near ones are moved a little.

    Attributes:
        dimensions: Of the cube.
    """

    dimensions: int

    def draw(self, n: int, known: Collection[Arm], generator: torch.Generator) -> list[Arm]:
        """At the points of a Sobol sequence, scrambled anew each time: it comes to none twice."""
        return [SoftArm(point) for point in sobol_points(self.dimensions, n, generator=generator)]

    def near(self, good: Sequence[Arm], n: int, known: Collection[Arm], generator: torch.Generator) -> list[Arm]:
        """Near the good ones that are soft prompts."""
        points = [arm.point for arm in good if isinstance(arm, SoftArm)]
        if not points:
            return []
        return [arm for arm in map(SoftArm, neighbour_points(points, n, generator=generator)) if arm not in known]


@dataclass(frozen=True)
class MixedSource:
    """Half instructions, half soft prompts."""

    texts: GrammarSource
    soft: SoftSource

    def draw(self, n: int, known: Collection[Arm], generator: torch.Generator) -> list[Arm]:
        """As many of each; soft prompts make up for instructions that there are not."""
        texts = self.texts.draw(n // 2, known, generator)
        return [*texts, *self.soft.draw(n - len(texts), known, generator)]

    def near(self, good: Sequence[Arm], n: int, known: Collection[Arm], generator: torch.Generator) -> list[Arm]:
        """As many of each, where the good ones are of both kinds."""
        return [
            *self.texts.near(good, n // 2, known, generator),
            *self.soft.near(good, n - n // 2, known, generator),
        ]


def refreshed_pool(
    source: ArmSource,
    played: Sequence[Arm],
    written: Sequence[Arm],
    size: int,
    *,
    num_good: int,
    generator: torch.Generator,
) -> list[Arm]:
    """The pool of a round: what was played, what the model wrote, and new arms.

    Args:
        source: Of the new arms: half of them near the best, the others from everywhere.
        played: The best first.
        written: Instructions that the model wrote; they count as new ones.
        size: New arms.
        num_good: Best arms that the new ones are near to.
        generator: A CPU generator.
    """
    pool = dict.fromkeys([*played, *written])
    if good := played[:num_good]:
        pool |= dict.fromkeys(source.near(good, size // 2, pool, generator))
    num_missing = max(0, size - (len(pool) - len(played)))
    return list(pool | dict.fromkeys(source.draw(num_missing, pool, generator)))


def _texts(known: Collection[Arm]) -> set[str]:
    return {arm.instruction for arm in known if isinstance(arm, TextArm)}


def _text_arms(found: dict[str, Choices]) -> list[Arm]:
    return [TextArm(text, choices) for text, choices in found.items()]
