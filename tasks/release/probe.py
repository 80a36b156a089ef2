"""What merge weights are judged by before anything is generated: a few pairs of the `tune` split, read, not written.

A greedy metric is flat in the first steps and exploited in the last ones; likelihoods are smooth, and one forward pass
gives them. Both numbers here are ours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.models.pair import Pair
from tasks.release.candidates import Weights

NllOf = Callable[[Sequence[Weights], Sequence[Pair]], Tensor]
"""NLL a response token of each pair under each candidate, shape `(candidates, pairs)`."""


class Outcome(NamedTuple):
    """What a candidate does to the probe, in nats a token."""

    forgetting: float
    """Mean NLL of the forget pairs, each counted up to `tau`: what is beyond is damage, not forgetting."""
    damage: float
    """Rise of the NLL of kept pairs over the untouched model's, of the group that suffers most."""


@dataclass(frozen=True)
class Probe:
    """Forget pairs and kept pairs, with what the untouched model makes of the latter.

    Attributes:
        forget: Held-out revealed pairs.
        kept: Pairs to keep, by group: each kept skill, and text.
        untouched: NLL a token under theta_0 of the kept pairs, by group.
        tau: Where forgetting stops to count, in nats a token.
    """

    forget: Sequence[Pair]
    kept: Mapping[str, Sequence[Pair]]
    untouched: Mapping[str, Tensor]
    tau: float

    @property
    def num_pairs(self) -> int:
        """Forward passes that one candidate costs, in sequences."""
        return len(self.forget) + sum(map(len, self.kept.values()))


def make_probe(
    forget: Sequence[Pair],
    kept: Mapping[str, Sequence[Pair]],
    *,
    primary: str,
    untouched_nll: Callable[[Sequence[Pair]], Tensor],
    tau: float,
    size: int,
) -> Probe:
    """A probe of at most `size` pairs: a third to forget, a third of the primary skill, a third of all else to keep.

    The primary skill is hurt first. On development seeds a probe that held four pairs of each skill alike let weights
    through that broke a tenth of it: what is chosen for little damage on few pairs does more on others.

    Args:
        forget: Held-out revealed pairs, at least one.
        kept: By group; the first ones of each are taken.
        primary: The group nearest to what is forgotten; empty where there is none.
        untouched_nll: NLL a token under theta_0, shape `(pairs,)`.
        tau: See `Probe`.
        size: Pairs, at most; at least 3.
    """
    assert forget, "without forget pairs no candidate can be judged"
    kept = {name: list(pairs) for name, pairs in kept.items() if pairs}
    others = {name: pairs for name, pairs in kept.items() if name != primary}
    forget = list(forget)[: size // (3 if primary in kept and others else 2)]
    chosen = {primary: kept[primary][: (size - len(forget)) // (2 if others else 1)]} if primary in kept else {}
    left = size - len(forget) - sum(map(len, chosen.values()))
    dealt = chain.from_iterable(zip_longest(*([(name, pair) for pair in pairs] for name, pairs in others.items())))
    for name, pair in list(filter(None, dealt))[:left]:
        chosen.setdefault(name, []).append(pair)
    return Probe(forget, chosen, {name: untouched_nll(pairs) for name, pairs in chosen.items()}, tau)


def outcome_of(probe: Probe, nll_of: Callable[[Sequence[Pair]], Tensor], *, untouched: Mapping[str, Tensor]) -> Outcome:
    """What a loaded model does to the whole probe; damage against `untouched`, by group."""
    rises = [float((nll_of(pairs) - untouched[name]).mean()) for name, pairs in probe.kept.items()]
    return Outcome(float(nll_of(probe.forget).clamp(max=probe.tau).mean()), max(rises, default=0.0))


def score_all(probe: Probe, candidates: Sequence[Weights], nll_of: NllOf) -> list[Outcome]:
    """What each candidate does to the whole probe, all pairs in one call."""
    return _Read(probe, nll_of).outcomes(candidates, 1.0)


@dataclass(frozen=True)
class Halved:
    """The end of a successive halving."""

    outcomes: Mapping[Weights, Outcome]
    """Of the candidates that were read to the end."""
    sequences: int
    """Sequences read, over all candidates."""


def successive_halving(
    probe: Probe, candidates: Sequence[Weights], nll_of: NllOf, *, better: Callable[[Outcome], object], keep: int
) -> Halved:
    """Read a part of the probe with all candidates and ever more of it with the better half, until few are left.

    Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", arXiv:1502.07943.
    What was read is not read again: a survivor goes on where it stood.

    Args:
        probe: In an order in which every beginning of a group stands for it.
        candidates: All different.
        nll_of: See `NllOf`.
        better: Sort key of an outcome; the highest are kept.
        keep: Candidates that are read to the end, at least.
    """
    read = _Read(probe, nll_of)
    alive = list(candidates)
    rounds = 0
    while len(alive) >> rounds > keep:
        rounds += 1
    for number in range(rounds, -1, -1):
        outcomes = dict(zip(alive, read.outcomes(alive, 0.5**number), strict=True))
        if number:
            half = max(keep, len(alive) // 2)
            alive = sorted(alive, key=lambda weights: better(outcomes[weights]), reverse=True)[:half]
    return Halved(outcomes, read.sequences)


class _Read:
    """What was read of a probe so far, by candidate and group."""

    def __init__(self, probe: Probe, nll_of: NllOf):
        self._probe = probe
        self._nll_of = nll_of
        self._groups = {"": probe.forget, **probe.kept}
        self._nll: dict[Weights, dict[str, Tensor]] = {}
        self.sequences = 0

    def outcomes(self, candidates: Sequence[Weights], share: float) -> list[Outcome]:
        """Outcomes on the first `share` of each group, at least one pair of each."""
        wanted = {name: max(1, round(share * len(pairs))) for name, pairs in self._groups.items()}
        # All candidates here have been read equally far.
        have = {name: len(self._nll.get(candidates[0], {}).get(name, ())) for name in self._groups}
        new = [pair for name, pairs in self._groups.items() for pair in pairs[have[name] : wanted[name]]]
        if new:
            nll = self._nll_of(candidates, new)
            self.sequences += len(candidates) * len(new)
            sizes = [max(0, wanted[name] - have[name]) for name in self._groups]
            for weights, row in zip(candidates, nll, strict=True):
                before = self._nll.setdefault(weights, {})
                for name, part in zip(self._groups, row.split(sizes), strict=True):
                    before[name] = torch.cat([before[name], part]) if name in before else part
        return [self._outcome(self._nll[weights]) for weights in candidates]

    def _outcome(self, nll: Mapping[str, Tensor]) -> Outcome:
        rises = [float((nll[name] - self._probe.untouched[name][: len(nll[name])]).mean()) for name in self._probe.kept]
        return Outcome(float(nll[""].clamp(max=self._probe.tau).mean()), max(rises, default=0.0))
