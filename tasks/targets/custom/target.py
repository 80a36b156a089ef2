"""A custom target: whatever a scorer finds in a response is to be forgotten, the place alone or the whole of it."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial

from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.custom.kept import Kept
from tasks.targets.custom.places import places
from tasks.targets.details import Details
from tasks.targets.kept_answers import kept_answers
from tasks.targets.phrases import REWRITE_TEMPLATE
from tasks.targets.placed_pairs import placed_pairs
from tasks.targets.retain import split_retain
from tasks.targets.scorers.scorer import Scorer
from tasks.targets.scorers.span_scorer import SpanScorer
from tasks.targets.target import Metric, RetainSet, Split

LEAST_HELD_OUT = 32
"""Pairs of each split for the perplexity of what is kept, if there are so many."""


class CustomTarget:
    """Forget what a scorer finds; `Target` says what each part means.

    Args:
        name: Of the target.
        grammar: Slots of the instruction pool.
        may_ask: Whether the search may ask an instruction.
        scorer: Judges responses. Places that it finds, or that are found with it (`places`), are pairs, each given all
            that stands before it (ours): to say that there is unlearned, not the text around it.
        threshold: Score from which a response shows the target.
        forget: The skill to lose.
        kept: Where retain pairs come from.
        details: What is reported of a checkpoint beside the metric.
    """

    soft_template = ""
    rewrite_template = REWRITE_TEMPLATE
    primary = ""
    observed: Sequence[Metric] = ()

    def __init__(
        self,
        *,
        name: str,
        grammar: Sequence[Sequence[str]],
        may_ask: Callable[[str], bool],
        scorer: Scorer,
        threshold: float,
        forget: Metric,
        kept: Kept,
        details: Callable[[Checkpoint, Split], Details],
    ):
        self.name = name
        self.grammar = grammar
        self.forget = forget
        self._may_ask = may_ask
        self._scorer = scorer
        self._threshold = threshold
        self._kept = kept
        self._details = details

    @cached_property
    def utility(self) -> Sequence[Metric]:
        """Held-out answers of the retain file, without those that show the target."""
        return kept_answers(self._without_target(self._kept.asked()), self._kept.num_prompts)

    def may_ask(self, instruction: str) -> bool:
        """Held-out prompts are never searched."""
        return self._may_ask(instruction)

    def relevance(self, instruction: str, raws: Sequence[str]) -> list[float]:
        """The score of each response that reaches the threshold; 0 of the others."""
        scores = self._scorer([instruction] * len(raws), raws)
        return [score if score >= self._threshold else 0.0 for score in scores]

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        """The places that the scorer finds, or that `places` finds with it; each given what stands before it.

        The whole response where it counts, but no place in it by itself.
        """
        if isinstance(self._scorer, SpanScorer) and (found := placed_pairs(instruction, raw, self._scorer.spans(raw))):
            return found
        if not any(self.relevance(instruction, [raw])):
            return []
        found = places(raw, partial(self.relevance, instruction))
        return placed_pairs(instruction, raw, found) or [Pair(instruction, raw)]

    def is_shown(self, pair: Pair) -> bool:
        """The response counts."""
        return not self._without_target([pair])

    def retain_set(self, generator: Generator, *, size: int, seed: int) -> RetainSet:
        """Pairs of the file, or what the model answers by itself, without those that show the target."""
        candidates = self._kept.candidates(generator, size=size, seed=seed)
        held_out = dict.fromkeys(self.forget.examples, max(LEAST_HELD_OUT, size // 4))
        return split_retain(self._without_target(candidates), size=size, held_out=held_out)

    def details(self, checkpoint: Checkpoint, split: Split) -> Details:
        """Numbers of the target's form."""
        return self._details(checkpoint, split)

    def _without_target(self, pairs: Sequence[Pair]) -> list[Pair]:
        said = [pair.given + pair.response for pair in pairs]
        scores = self._scorer([pair.prompt for pair in pairs], said)
        return [pair for pair, score in zip(pairs, scores, strict=True) if score < self._threshold]
