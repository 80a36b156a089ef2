"""The instructions that a grammar makes, and those of them that are only measured by."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from random import Random

from tasks.lab.splits import split_of
from tasks.settings.errors import UserError
from tasks.store.seeds import derive_seed
from tasks.targets.target import Split

MOST = 100_000
LEAST_HELD_OUT = 8


def combinations(grammar: Sequence[Sequence[str]], seed: int) -> list[str]:
    """All instructions of a grammar, shuffled; of more than 100,000 choices so many, drawn."""
    chance = Random(seed)  # noqa: S311 (not for security)
    number = prod(map(len, grammar))
    choices = itertools.product(*grammar) if number <= MOST else _drawn(grammar, chance.sample(range(number), MOST))
    distinct = list(dict.fromkeys(" ".join(filter(None, choice)) for choice in choices))
    chance.shuffle(distinct)
    return distinct


def _drawn(grammar: Sequence[Sequence[str]], numbers: Iterable[int]) -> Iterator[list[str]]:
    """The choices with these numbers, the last slot turning fastest as in `itertools.product`."""
    for number in numbers:
        choice = []
        for slot in reversed(grammar):
            number, place = divmod(number, len(slot))
            choice.append(slot[place])
        yield choice[::-1]


def held_out_instructions(
    grammar: Sequence[Sequence[str]], wanted: Mapping[Split, int], seed: int, *, field: str
) -> dict[Split, list[str]]:
    """Instructions of the splits `tune` and `report` by `split_of`, at most as many as wanted.

    Raises:
        UserError: a split has fewer than 8; `field` names what makes them.
    """
    texts = combinations(grammar, derive_seed(seed, "held-out")) if grammar and all(grammar) else []
    held_out: dict[Split, list[str]] = {}
    for split, number in wanted.items():
        prompts = [text for text in texts if text and split_of(text) == split]
        if len(prompts) < LEAST_HELD_OUT:
            raise UserError(
                f"{field} makes {len(texts)} instructions, {len(prompts)} of them held out for {split}; give lists "
                "with at least a few hundred combinations."
            )
        held_out[split] = prompts[:number]
    return held_out
