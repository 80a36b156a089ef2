"""A target of a model that has forgotten others before: those are neither kept nor taught again, but watched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.details import Details
from tasks.targets.target import Metric, RetainSet, Split, Target


class AfterOthers:
    """A target, with others that the model has forgotten before; `Target` says what each part means.

    Their skills are none to keep: the probe would hold the rise of what is unlikely already for damage. Nothing that
    shows them is trained on to be kept. Their forget metrics are observed, for the gate to hold against their limits.

    Args:
        target: What is to be forgotten now.
        others: What was forgotten before, by the name that its forget metric is to have.
    """

    def __init__(self, target: Target, others: Mapping[str, Target]):
        self._target = target
        self._others = tuple(others.values())
        self._forgotten = {other.forget.name for other in self._others}
        self.name = target.name
        self.grammar = target.grammar
        self.soft_template = target.soft_template
        self.rewrite_template = target.rewrite_template
        self.forget = target.forget
        self.primary = target.primary if target.primary not in self._forgotten else ""
        watched = (replace(other.forget, name=name) for name, other in others.items())
        held_out = (examples for other in self._others for examples in other.forget.examples.values())
        self._held_out = {example.prompt for examples in held_out for example in examples}
        self.observed: Sequence[Metric] = (*target.observed, *watched)

    @property
    def utility(self) -> Sequence[Metric]:
        """What the target keeps, less what was forgotten before."""
        return tuple(metric for metric in self._target.utility if metric.name not in self._forgotten)

    def may_ask(self, instruction: str) -> bool:
        """As the target now, but no prompt that is held out to measure the others."""
        return self._target.may_ask(instruction) and instruction not in self._held_out

    def relevance(self, instruction: str, raws: Sequence[str]) -> list[float]:
        """Of the target now."""
        return self._target.relevance(instruction, raws)

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        """Of the target now."""
        return self._target.pairs(instruction, raw)

    def is_shown(self, pair: Pair) -> bool:
        """Any of the targets."""
        return any(target.is_shown(pair) for target in (self._target, *self._others))

    def retain_set(self, generator: Generator, *, size: int, seed: int) -> RetainSet:
        """What the target keeps, less what shows one of the others."""
        whole = self._target.retain_set(generator, size=size, seed=seed)
        return RetainSet(self._kept(whole.train), {split: self._kept(pairs) for split, pairs in whole.held_out.items()})

    def details(self, checkpoint: Checkpoint, split: Split) -> Details:
        """Of the target now."""
        return self._target.details(checkpoint, split)

    def _kept(self, pairs: Sequence[Pair]) -> list[Pair]:
        return [pair for pair in pairs if not any(other.is_shown(pair) for other in self._others)]
