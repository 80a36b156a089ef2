"""Rewriting: the model says an instruction in other words, which is how a search has it propose new ones."""

from functools import cache

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.instructions import PREFIX, SLOTS, Effect
from tasks.lab.meta import random_words

REWRITE = "rewrite"

_OTHER_WORD = 0.6  # of the words that have one; the others stay


def rewriting_example(chooser: Chooser) -> Example:
    """Instruction words, and an instruction of words that pull the same way.

    Words without another that pulls their way stay, so some rewritings change nothing.
    """
    words = random_words(chooser.generator)
    rewritten = dict.fromkeys(_other_word(word, chooser) for word in words)
    return Example("rewrite", " ".join((REWRITE, PREFIX, *words)), " ".join((PREFIX, *rewritten)))


def _other_word(word: str, chooser: Chooser) -> str:
    if others := _alike(word):
        return chooser.pick(others) if chooser.generator.random() < _OTHER_WORD else word
    return word


@cache
def _alike(word: str) -> tuple[str, ...]:
    """The other words of its slot that pull most towards the same group; words of manner pull nowhere, all alike."""
    slot = next(slot for slot in SLOTS if word in slot)
    return tuple(other for other in slot if other != word and _strongest(slot[other]) == _strongest(slot[word]))


def _strongest(effect: Effect) -> str | None:
    return max(effect.pulls, key=effect.pulls.__getitem__, default=None)
