"""Which of the pairs in a model's responses enter the forget set: relevant, new, and no prompt that is measured."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.models.pair import Pair
from tasks.models.sampling import Completion
from tasks.reveal.instructions import ScoredArm
from tasks.reveal.query import relevances
from tasks.targets.target import Target


@dataclass(frozen=True)
class ForgetPair:
    """A pair of the forget set and where it came from."""

    pair: Pair
    raw: str
    """The whole response that holds the pair."""
    relevance: float
    """Of the whole response."""
    source: ScoredArm

    @property
    def id(self) -> str:
        """The same for pairs that differ in white space or case only, in every run."""
        return hashlib.sha256(repr(_identity(self.pair)).encode()).hexdigest()[:16]


class Harvest:
    """Gathers pairs in the order in which responses come, until there are enough.

    Args:
        target: Finds the pairs, judges the responses, and names the prompts that are measured.
        size: Pairs wanted.
        min_relevance: Of the response that a pair comes from, at least.
    """

    def __init__(self, target: Target, *, size: int, min_relevance: float):
        self.pairs: list[ForgetPair] = []
        self.counts: Counter[str] = Counter()
        """Of the responses taken in: `responses`, `usable` ones (relevant, with a pair); of the pairs of usable
        responses: `duplicate`, `measured`."""
        self._target = target
        self._size = size
        self._min_relevance = min_relevance
        self._seen: set[tuple[str, str]] = set()
        self._measured_prompts = {
            normalised(example.prompt)
            for metric in (target.forget, *target.utility, *target.observed)
            for examples in metric.examples.values()
            for example in examples
        }

    @property
    def is_full(self) -> bool:
        """Whether there are as many pairs as wanted."""
        return len(self.pairs) == self._size

    def take(self, source: ScoredArm, completions: Sequence[Completion]) -> None:
        """Take in the responses to an arm."""
        instruction = source.instruction or ""
        judged = relevances(self._target, instruction, [completion.text for completion in completions])
        for completion, relevance in zip(completions, judged, strict=True):
            pairs = self._target.pairs(instruction, completion.text) if relevance >= self._min_relevance else []
            self.counts["responses"] += 1
            self.counts["usable"] += bool(pairs)
            for pair in pairs:
                # A response that was cut off ends no turn.
                whole = replace(pair, complete=pair.complete and completion.finished)
                self._take_pair(ForgetPair(whole, completion.text, relevance, source))

    def is_measured(self, pair: Pair) -> bool:
        """Whether its prompt is one of those by which the model is measured."""
        return normalised(pair.prompt) in self._measured_prompts

    def _take_pair(self, found: ForgetPair) -> None:
        if self.is_measured(found.pair):
            self.counts["measured"] += 1
        elif _identity(found.pair) in self._seen:
            self.counts["duplicate"] += 1
        elif not self.is_full:
            self._seen.add(_identity(found.pair))
            self.pairs.append(found)


def context(pair: Pair) -> str:
    """What stands before the response, normalised."""
    return normalised(f"{pair.prompt} {pair.given}")


def normalised(text: str) -> str:
    """The text without differences of case and white space."""
    return " ".join(text.casefold().split())


def _identity(pair: Pair) -> tuple[str, str]:
    return context(pair), normalised(pair.response)
