"""Which arms write the forget set: good ones that together show the most different things (ours)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.reveal.embedding import Embedding
from tasks.reveal.vendi import VendiAccumulator

NEARLY_BEST = 0.75
"""An arm is good when its score on fresh samples is at least this share of the best one's."""


@dataclass(frozen=True)
class Choice:
    """Some arms, and what they are worth."""

    arms: Sequence[int]
    """In the order in which they were chosen: the best first."""
    best_score: float
    """Of the first, on fresh samples."""
    vendi_score: float
    """Effective number of different relevant answers that they show together."""

    def gain_over(self, earlier: "Choice") -> float:
        """By which share it is better than an earlier choice: in its best arm or in what all of them show."""
        by_score = self.best_score / earlier.best_score if earlier.best_score else 0.0
        by_variety = self.vendi_score / earlier.vendi_score if earlier.vendi_score else 0.0
        return max(by_score, by_variety) - 1


def choose_together(
    embedding: Embedding, scores: Mapping[int, float], shown: Mapping[int, Sequence[str]], *, most: int
) -> Choice:
    """A greedy choice: the best arm, then of the good ones always the one that makes most different things shown.

    The best arms by score alone are often near copies of each other.

    Args:
        embedding: Of answers.
        scores: By arm, on fresh samples; at least one arm.
        shown: By arm: its relevant answers among these samples.
        most: Arms wanted; fewer come back where fewer are good.
    """
    first = max(scores, key=scores.__getitem__)
    rows = {arm: embedding(shown[arm]) for arm, score in scores.items() if score >= NEARLY_BEST * scores[first]}
    variety = VendiAccumulator(embedding.num_features)
    variety.add(rows.pop(first))
    chosen = [first]
    while rows and len(chosen) < most:
        best = max(rows, key=lambda arm: variety.score_with(rows[arm]))
        variety.add(rows.pop(best))
        chosen.append(best)
    return Choice(chosen, scores[first], variety.score)
