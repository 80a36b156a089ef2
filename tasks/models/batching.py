"""Batches of sequences of like length, so that little of a batch is padding."""

from collections.abc import Sequence

import torch
from torch import Tensor


def batches_by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Indices of sequences in batches of at most `batch_size`, the longest first: memory runs out at once or never."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def batches_by_tokens(lengths: Sequence[int], num_tokens: int) -> list[list[int]]:
    """Indices of sequences in batches of at most `num_tokens`, padding included, the longest first.

    A sequence that is longer by itself is a batch of its own.
    """
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= num_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def right_padded(sequences: Sequence[Sequence[int]], pad_token_id: int) -> Tensor:
    """Token ids filled up at the end, shape `(sequences, longest)`.

    A causal model needs no attention mask for it: no token sees what comes after it.
    """
    longest = max(map(len, sequences))
    return torch.tensor([[*ids, *[pad_token_id] * (longest - len(ids))] for ids in sequences])
