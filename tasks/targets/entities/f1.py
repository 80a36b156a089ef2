"""Strict F1 of entities, micro-averaged: an entity counts only with all of its words and its type.

Ours, because what a model answers has words but no places: an entity is its words, as often as they are listed. The
libraries compare places: `seqeval` (last release 2020) one tag a token, `nervaluate` spans, matched in the order given,
so that an answer that lists a part of a name before the name loses both.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.targets.entities.mention import compact


@dataclass(frozen=True)
class Counts:
    """Entities that were found, found though they are none, and missed."""

    hits: int = 0
    spurious: int = 0
    missed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.hits + other.hits, self.spurious + other.spurious, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """Share of what was found that is right; 0 where nothing was found."""
        found = self.hits + self.spurious
        return self.hits / found if found else 0.0

    @property
    def recall(self) -> float:
        """Share of what is there that was found; 0 where nothing is there."""
        there = self.hits + self.missed
        return self.hits / there if there else 0.0

    @property
    def f1(self) -> float:
        """``2 hits / (2 hits + spurious + missed)``; 0 where nothing was found and nothing is there."""
        weight = 2 * self.hits + self.spurious + self.missed
        return 2 * self.hits / weight if weight else 0.0


def count(there: Sequence[str], found: Sequence[str]) -> Counts:
    """Of one type in one sentence.

    Args:
        there: Entities as they stand in the sentence.
        found: Entities as they are listed. White space makes no difference, case does; see `compact`.
    """
    right, listed = Counter(map(compact, there)), Counter(map(compact, found))
    hits = (right & listed).total()
    return Counts(hits, listed.total() - hits, right.total() - hits)


def total(counts: Iterable[Counts]) -> Counts:
    """The sum: precision, recall and F1 of it are micro-averages."""
    return sum(counts, Counts())
