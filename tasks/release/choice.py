"""Merge weights chosen by measurement instead of by hand (ours; the paper names it as future work).

The largest forgetting among the candidates whose damage to the probe stays within a limit; where none stays within it,
the least damage.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.release.candidates import Weights
from tasks.release.probe import NllOf, Outcome, Probe, score_all, successive_halving


@dataclass
class Search:
    """What a choice has read so far, and what it reads with.

    Attributes:
        probe: What candidates are judged by.
        nll_of: How they are read.
        limit: Damage allowed, in nats a token.
        outcomes: Of the candidates that were read to the end.
        sequences: Sequences read.
    """

    probe: Probe
    nll_of: NllOf
    limit: float
    outcomes: dict[Weights, Outcome] = field(default_factory=dict)
    sequences: int = 0

    def rank(self, outcome: Outcome) -> tuple[bool, float]:
        """Sort key, higher is better: within the limit by forgetting, beyond it by damage."""
        is_within = outcome.damage <= self.limit
        return is_within, outcome.forgetting if is_within else -outcome.damage

    def read(self, candidates: Sequence[Weights]) -> None:
        """Read these to the end."""
        new = [weights for weights in dict.fromkeys(candidates) if weights not in self.outcomes]
        if new:
            self.outcomes |= zip(new, score_all(self.probe, new, self.nll_of), strict=True)
            self.sequences += len(new) * self.probe.num_pairs

    def halve(self, candidates: Sequence[Weights], *, keep: int) -> None:
        """Read these by successive halving, `keep` of them to the end."""
        halved = successive_halving(self.probe, candidates, self.nll_of, better=self.rank, keep=keep)
        self.outcomes |= halved.outcomes
        self.sequences += halved.sequences

    def best(self, number: int = 1) -> list[Weights]:
        """The best candidates read to the end, best first."""
        return sorted(self.outcomes, key=lambda weights: self.rank(self.outcomes[weights]), reverse=True)[:number]

    def record(self) -> dict[str, Any]:
        """What was read, as JSON values."""
        tried = [{**w._asdict(), **outcome._asdict()} for w, outcome in sorted(self.outcomes.items())]
        return {"limit": self.limit, "pairs": self.probe.num_pairs, "sequences": self.sequences, "tried": tried}


Line = Callable[[float], Weights]
"""Candidates along one direction, by their place on it, a factor >= 0."""


def search_line(search: Search, line: Line, places: Sequence[float], *, refinements: int = 3) -> Weights:
    """The best on a line: a coarse grid by successive halving, then ever closer around its best.

    Args:
        search: What is read is kept there.
        line: From a place to a candidate.
        places: The coarse grid, rising.
        refinements: Times that the two gaps around the best are halved.
    """
    known = sorted(places)
    search.halve([line(place) for place in known], keep=2)
    for _ in range(refinements):
        best = _best_place(search, line, known)
        around = known.index(best)
        gaps = [(known[i], known[i + 1]) for i in (around - 1, around) if 0 <= i < len(known) - 1]
        middles = [(low + high) / 2 for low, high in gaps]
        search.read([line(middle) for middle in middles])
        known = sorted({*known, *middles})
    return line(_best_place(search, line, known))


def _best_place(search: Search, line: Line, places: Sequence[float]) -> float:
    read = [place for place in places if line(place) in search.outcomes]
    return max(read, key=lambda place: search.rank(search.outcomes[line(place)]))


def worst_case(search: Search, finalists: int, outcomes_of: Callable[[Weights], Sequence[Outcome]]) -> Weights:
    """Of the few best the one whose worst outcome is best: least forgetting, most damage, over several precisions.

    Args:
        search: What was read at full precision.
        finalists: How many are looked at.
        outcomes_of: Of a candidate at the other precisions, damage against the untouched model at the same precision.
    """

    def rank(weights: Weights) -> tuple[bool, float]:
        found = [search.outcomes[weights], *outcomes_of(weights)]
        return search.rank(Outcome(min(o.forgetting for o in found), max(o.damage for o in found)))

    return max(search.best(finalists), key=rank)
