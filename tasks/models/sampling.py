"""How the next token is drawn: temperature, nucleus, and one stream of uniform numbers for each row."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How to continue a prompt."""

    max_new_tokens: int
    """A completion is cut after this many tokens."""
    temperature: float = 1.0
    """Logits are divided by it; 0 always takes the likeliest token (greedy)."""
    top_p: float = 1.0
    """Draw from the smallest set of tokens that has at least this probability, (0, 1]."""

    def __post_init__(self) -> None:
        assert self.max_new_tokens >= 1, self
        assert self.temperature >= 0, self
        assert 0 < self.top_p <= 1, self


@dataclass(frozen=True)
class Completion:
    """What a model wrote."""

    text: str
    num_tokens: int
    """Tokens written, the end token not counted."""
    finished: bool
    """An end token came before `max_new_tokens` was reached."""


def next_tokens(logits: Tensor, uniforms: Tensor | None, sampling: Sampling) -> Tensor:
    """The token of each row at which its cumulative distribution reaches the row's uniform number.

    Inverse transform sampling: unlike with `torch.multinomial`, what a row draws does not depend on the other rows.
    The vocabulary keeps its order, so logits that differ by rounding alone hardly ever draw different tokens.

    Args:
        logits: Shape `(rows, vocabulary)`, any float dtype.
        uniforms: In (0, 1], so that a token of probability 0 is never reached; shape `(rows,)`. None for greedy.
        sampling: Temperature and nucleus.

    Returns:
        Token ids, shape `(rows,)`.
    """
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    assert uniforms is not None
    probabilities = torch.softmax(logits.float() / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        probabilities = _nucleus(probabilities, sampling.top_p)
    cumulative = probabilities.cumsum(dim=-1)
    return torch.searchsorted(cumulative, uniforms[:, None] * cumulative[:, -1:]).squeeze(-1)


def _nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Zero outside the nucleus (arXiv:1904.09751): tokens at least as likely as the one that completes `top_p`."""
    descending = probabilities.sort(dim=-1, descending=True).values
    mass_before = descending.cumsum(dim=-1) - descending
    last = (mass_before < top_p).sum(dim=-1, keepdim=True) - 1
    return probabilities.where(probabilities >= descending.gather(-1, last), 0)
