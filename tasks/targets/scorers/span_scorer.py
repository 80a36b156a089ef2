"""A scorer that can show where a response has what it looks for."""

from typing import Protocol, runtime_checkable

from tasks.targets.scorers.scorer import Scorer


@runtime_checkable
class SpanScorer(Scorer, Protocol):
    """Judges responses, and finds the places."""

    def spans(self, response: str) -> list[tuple[int, int]]:
        """Start and end of each place, in order; none where the score is 0."""
        ...
