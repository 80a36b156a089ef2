"""A scorer that judges no text twice: search, forget set and measurements come back to the same responses."""

from collections.abc import Sequence

from tasks.targets.scorers.scorer import Scorer

MOST_TEXTS = 200_000
"""Scores that are kept; the memory is emptied when it is full."""


class RememberedScorer:
    """A scorer's scores, each asked for once. The scorer must judge a response by it and its prompt alone."""

    def __init__(self, scorer: Scorer):
        self._scorer = scorer
        self._scores: dict[tuple[str, str], float] = {}

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        asked = list(zip(prompts, responses, strict=True))
        if len(self._scores) > MOST_TEXTS:
            self._scores.clear()
        if new := [pair for pair in dict.fromkeys(asked) if pair not in self._scores]:
            scores = self._scorer([prompt for prompt, _ in new], [response for _, response in new])
            self._scores |= dict(zip(new, scores, strict=True))
        return [self._scores[pair] for pair in asked]
