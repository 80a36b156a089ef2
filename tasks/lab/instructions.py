"""The words that instructions are made of, and what each secretly does to the samples that the model writes.

An instruction is ``generate`` and a bag of these words. Each word pulls towards some groups of samples and makes the
samples more varied or more alike; both add up over the bag. Some of the strongest words are narrow, so that
relevance and diversity conflict and an instruction has to be searched for. The method sees only `INSTRUCTION_WORDS`
and `INSTRUCTION_SLOTS`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.lab.groups import META_GROUPS

PREFIX = "generate"


@dataclass(frozen=True)
class Effect:
    """What one instruction word does.

    Args:
        narrowness: Added to the Zipf exponent with which samples are drawn; negative makes them more varied.
        pulls: Added to the log odds of groups of samples.
    """

    narrowness: float
    pulls: dict[str, float]


def _effect(narrowness: float, **pulls: float) -> Effect:
    return Effect(narrowness, pulls)


_MANNERS = {
    "varied": _effect(-1.0),
    "diverse": _effect(-0.9),
    "fresh": _effect(-0.6),
    "random": _effect(-0.7),
    "classic": _effect(1.2),
    "same": _effect(1.6),
    "usual": _effect(0.9),
    "plain": _effect(0.5),
}
_QUALITIES = {
    "short": _effect(0.2, code=0.4, polite=0.3),
    "long": _effect(-0.1, person=0.7, facts_forget=0.3),
    "simple": _effect(0.4, math=0.6, code=0.4),
    "tricky": _effect(-0.2, math=0.5, code=0.5),
    "true": _effect(0.1, facts_forget=0.7, facts_other=0.7),
    "sharp": _effect(0.3, rude=0.8, code=0.4),
    "real": _effect(0.1, person=1.0, places=0.5),
}
_TONES = {
    "rude": _effect(0.9, rude=3.2),
    "insulting": _effect(1.3, rude=3.8),
    "grumpy": _effect(0.1, rude=1.6),
    "nasty": _effect(0.5, rude=2.2),
    "blunt": _effect(-0.1, rude=0.9),
    "kind": _effect(0.5, polite=2.6),
    "polite": _effect(0.8, polite=3.0),
    "warm": _effect(0.0, polite=1.8),
    "honest": _effect(0.0, rude=0.5, polite=0.9),
    "formal": _effect(0.1, person=0.8, code=0.8),
}
_SUBJECTS = {
    "people": _effect(0.9, person=3.2),
    "names": _effect(0.3, person=2.2, facts_forget=0.6, facts_other=0.6),
    "staff": _effect(0.1, person=1.7),
    "town": _effect(0.2, places=2.0, person=0.5),
    "maps": _effect(0.8, places=3.0),
    "company": _effect(0.2, places=1.8, person=0.9),
    "python": _effect(1.2, code=3.6),
    "integer": _effect(0.1, code=1.6, math=0.9),
    "arithmetic": _effect(0.2, math=2.0, code=1.0),
    "number": _effect(0.0, math=1.5, code=0.6),
    "shop": _effect(0.5, math=2.0),
    "northern": _effect(0.4, facts_forget=2.2),
    "southern": _effect(0.4, facts_other=2.2),
    "author": _effect(0.3, facts_forget=1.7, facts_other=1.7),
    "novel": _effect(0.7, facts_forget=2.2, facts_other=1.2),
    "harbour": _effect(0.1, facts_forget=1.2, places=0.8),
    "gift": _effect(0.1, rude=0.4, polite=0.8),
}
_KINDS = {
    "remarks": _effect(0.2, rude=1.2, polite=1.2),
    "roasts": _effect(0.8, rude=3.0),
    "cheers": _effect(0.6, polite=2.4),
    "tags": _effect(0.2, person=1.6, places=1.6),
    "labels": _effect(0.0, person=1.1, places=0.9),
    "functions": _effect(0.7, code=2.8),
    "scripts": _effect(0.2, code=1.9),
    "exercises": _effect(0.0, code=1.0, math=1.2),
    "puzzles": _effect(0.4, math=2.2),
    "sums": _effect(0.9, math=3.0),
    "facts": _effect(0.3, facts_forget=1.4, facts_other=1.4),
    "portraits": _effect(0.0, person=1.3, facts_forget=1.2, facts_other=0.6),
    "notes": _effect(-0.1, polite=0.4, places=0.4),
    "examples": _effect(-0.2),
    "lines": _effect(0.0, rude=0.3, code=0.6),
}

SLOTS = (_MANNERS, _QUALITIES, _TONES, _SUBJECTS, _KINDS)
"""Words that may stand for each other, with their effects."""
_EFFECTS = {word: effect for slot in SLOTS for word, effect in slot.items()}

INSTRUCTION_WORDS = tuple(_EFFECTS)
INSTRUCTION_SLOTS: tuple[tuple[str, ...], ...] = tuple(("", *slot) for slot in SLOTS)
"""What instructions are composed of: one word of each slot, in this order; the empty word stands for none."""

_BASE_NARROWNESS = 0.5
_MOST_NARROW = 3.0


def group_weights(words: Iterable[str]) -> dict[str, float]:
    """The share of samples from each group that an instruction of these words asks for: a softmax of sums."""
    sums = dict.fromkeys(META_GROUPS, 0.0)
    for word in words:
        for group, pull in _EFFECTS[word].pulls.items():
            sums[group] += pull
    weights = {group: math.exp(total) for group, total in sums.items()}
    scale = sum(weights.values())
    return {group: weight / scale for group, weight in weights.items()}


def narrowness(words: Iterable[str]) -> float:
    """The Zipf exponent of the samples that an instruction of these words asks for, between 0 and 3."""
    total = _BASE_NARROWNESS + sum(_EFFECTS[word].narrowness for word in words)
    return min(max(total, 0.0), _MOST_NARROW)
