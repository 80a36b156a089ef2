"""The space of instructions: a few slots, and a few choices for each. What was asked can be read by a person.

A grammar is a sequence of slots; an instruction is one choice for each, joined by single spaces; the choice "" leaves
the slot out. Instructions are the same when their text is the same.
"""

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Sequence

import torch

Grammar = Sequence[Sequence[str]]
Choices = tuple[str, ...]
"""One choice for each slot."""

TRIES = 8
"""Draws per instruction wanted, at most: some draws were drawn before, or may not be asked."""


def instruction_text(choices: Choices) -> str:
    """The instruction that the choices make."""
    return " ".join(choice for choice in choices if choice)


def sample_instructions(
    grammar: Grammar,
    n: int,
    *,
    may_ask: Callable[[str], bool],
    known: Collection[str] = (),
    generator: torch.Generator,
) -> dict[str, Choices]:
    """Instructions drawn evenly from the whole grammar, as text -> choices.

    Args:
        grammar: The slots.
        n: Instructions wanted; fewer come back where the grammar has no more.
        may_ask: Whether an instruction is allowed.
        known: Instructions not wanted again.
        generator: A CPU generator.
    """
    if math.prod(map(len, grammar)) <= TRIES * n:
        everything = list(itertools.product(*grammar))
        drawn = (everything[i] for i in torch.randperm(len(everything), generator=generator).tolist())
    else:
        columns = [torch.randint(len(slot), (TRIES * n,), generator=generator).tolist() for slot in grammar]
        drawn = (tuple(slot[i] for slot, i in zip(grammar, row, strict=True)) for row in zip(*columns, strict=True))
    return _first_distinct(drawn, n, may_ask, known)


def neighbour_instructions(
    grammar: Grammar,
    good: Sequence[Choices],
    n: int,
    *,
    may_ask: Callable[[str], bool],
    known: Collection[str] = (),
    generator: torch.Generator,
) -> dict[str, Choices]:
    """Instructions near good ones, as text -> choices.

    Half of the draws recombine two good instructions, slot by slot; the others take one and change one slot.

    Args:
        grammar: The slots.
        good: Instructions to stay near to.
        n: Instructions wanted; fewer come back where not as many are found.
        may_ask: Whether an instruction is allowed.
        known: Instructions not wanted again.
        generator: A CPU generator.
    """

    def draw(num: int) -> int:
        return int(torch.randint(num, (), generator=generator))

    def recombine() -> Choices:
        mother, father = good[draw(len(good))], good[draw(len(good))]
        return tuple(pair[draw(2)] for pair in zip(mother, father, strict=True))

    def mutate() -> Choices:
        choices, slot = list(good[draw(len(good))]), draw(len(grammar))
        choices[slot] = grammar[slot][draw(len(grammar[slot]))]
        return tuple(choices)

    drawn = (recombine() if draw(2) else mutate() for _ in range(TRIES * n))
    return _first_distinct(drawn, n, may_ask, known)


def _first_distinct(
    drawn: Iterable[Choices], n: int, may_ask: Callable[[str], bool], known: Collection[str]
) -> dict[str, Choices]:
    found: dict[str, Choices] = {}
    for choices in drawn:
        if len(found) == n:
            break
        text = instruction_text(choices)
        if text and text not in found and text not in known and may_ask(text):
            found[text] = choices
    return found
