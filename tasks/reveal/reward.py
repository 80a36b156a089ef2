"""What an instruction is worth: the responses to it should be relevant and unlike each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from tasks.reveal.vendi import vendi_score

FLOOR = 1e-3
"""Relevance and diversity count as at least this, so that the score of a hopeless arm is small, and defined."""


@dataclass(frozen=True)
class Reward:
    """The score of an instruction, and what it was made of; all in [0, 1]."""

    score: float
    relevance: float
    diversity: float


def no_reward(*, alpha: float) -> Reward:
    """Of an arm that leaves the model nothing to answer."""
    return Reward(harmonic_score(0.0, 0.0, alpha=alpha), 0.0, 0.0)


def reward(relevances: Sequence[float], rows: Tensor, *, alpha: float) -> Reward:
    """The reward of an instruction from m sampled responses to it; m must be the same for all that are compared.

    ``relevance`` is their mean, ``diversity = (VS - 1) / (m - 1)`` with VS their Vendi score.

    Args:
        relevances: Of each response, in [0, 1].
        rows: Embeddings of the responses, unit rows `(m, d)`, m >= 2.
        alpha: Weight of diversity against relevance, in [0, 1].
    """
    m = len(relevances)
    assert m == len(rows) >= 2, (m, rows.shape)
    relevance = sum(relevances) / m
    diversity = min(max((vendi_score(rows) - 1) / (m - 1), 0.0), 1.0)  # rounding steps over the ends
    return Reward(harmonic_score(relevance, diversity, alpha=alpha), relevance, diversity)


def harmonic_score(relevance: float, diversity: float, *, alpha: float) -> float:
    """Weighted harmonic mean ``1 / (alpha / diversity + (1 - alpha) / relevance)``: neither makes up for the other."""
    return 1 / (alpha / max(diversity, FLOOR) + (1 - alpha) / max(relevance, FLOOR))
