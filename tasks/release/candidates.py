"""How likely the pairs of a probe are under each of many merge weights (a, b), without a copy of the model for any.

theta(a, b) = theta_{k-1} - a s_F B_F A_F + b s_R B_R A_R

Two ways to the same numbers (ours). `low_rank_nll` leaves the weights alone and adds the updates to what each layer
puts out, with coefficients of its own for each row of a batch, so that one batch holds all candidates. `merged_nll`
merges one candidate after the other in place. The first pays for two small products a layer and token, the second for
reading and writing every weight; `benchmarks/probe.py` compares them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tasks.models.language_model import LanguageModel
from tasks.models.layers import linear_layers
from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.release.adapter import Adapter
from tasks.release.merge import Checkpoints, Update


class Weights(NamedTuple):
    """One candidate."""

    forget: float
    """a >= 0, of the forget update, which is subtracted."""
    retain: float
    """b >= 0, of the retain update, which is added."""


def merge_updates(weights: Weights, forget: Adapter, retain: Adapter | None) -> list[Update]:
    """What a step with these weights adds to the updates before it; no retain adapter: the forget update alone."""
    updates = [Update(forget, -weights.forget)]
    return updates if retain is None else [*updates, Update(retain, weights.retain)]


def merged_nll(
    lm: LanguageModel,
    candidates: Sequence[Weights],
    forget: Adapter,
    retain: Adapter | None,
    pairs: Sequence[Pair],
    *,
    checkpoints: Checkpoints,
    updates: Sequence[Update],
    batch_size: int,
) -> Tensor:
    """NLL a response token of each pair under each candidate, in nats; shape `(candidates, pairs)`, float64.

    Args:
        lm: A model of the shape of theta_0; left at theta_{k-1}.
        candidates: The merge weights.
        forget: F.
        retain: R; None for theta_{k-1} - a F.
        pairs: What is read.
        checkpoints: Of theta_0.
        updates: From theta_0 to theta_{k-1}.
        batch_size: Rows at once.
    """
    rows = []
    for weights in candidates:
        checkpoints.apply(lm, [*updates, *merge_updates(weights, forget, retain)])
        rows.append(nll_per_token(lm, pairs, batch_size=batch_size))
    checkpoints.apply(lm, updates)
    return torch.stack(rows)


def low_rank_nll(
    lm: LanguageModel,
    candidates: Sequence[Weights],
    forget: Adapter,
    retain: Adapter | None,
    pairs: Sequence[Pair],
    *,
    batch_size: int,
) -> Tensor:
    """As `merged_nll`, for a model that is at theta_{k-1} and stays there: y = W x - a s_F B_F A_F x + b s_R B_R A_R x.

    A batch holds as many pairs as fit with all their candidates, at least one: K candidates of one pair share a length.
    """
    nll = torch.empty(len(candidates), len(pairs), dtype=torch.float64)
    share = max(1, batch_size // len(candidates))
    order = sorted(range(len(pairs)), key=lambda i: -len(lm.encode_pair(pairs[i])[0]))
    for start in range(0, len(order), share):
        chunk = order[start : start + share]
        # Of equal length and so never reordered: row i of the batch is candidate i % K.
        rows = [pairs[i] for i in chunk for _ in candidates]
        coefficients = torch.tensor(list(candidates) * len(chunk), device=lm.device)
        with _updated_rows(lm, forget, retain, coefficients):
            values = nll_per_token(lm, rows, batch_size=len(rows))
        nll[:, chunk] = values.view(len(chunk), len(candidates)).T
    return nll


@contextmanager
def _updated_rows(lm: LanguageModel, forget: Adapter, retain: Adapter | None, coefficients: Tensor) -> Iterator[None]:
    """Each linear layer adds the updates to its output inside the block; coefficients `(rows, 2)` are a and b."""
    hooks = []
    try:
        for name, layer in linear_layers(lm.model).items():
            sides = [(forget, -coefficients[:, 0]), *([(retain, coefficients[:, 1])] if retain else [])]
            present = [(side, column) for side, column in sides if name in side.factors]
            if present:
                hooks.append(layer.register_forward_hook(_addition(name, present)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _addition:  # noqa: N801 (a function with prepared factors)
    """What is added to a layer's output: one product of the concatenated factors, the rows scaled between the two."""

    def __init__(self, name: str, sides: Sequence[tuple[Adapter, Tensor]]):
        device = sides[0][1].device
        self._A = torch.cat([side.factors[name].A.to(device) for side, _ in sides])
        self._B = torch.cat([side.factors[name].B.to(device) for side, _ in sides], dim=1)
        self._scale = torch.cat([(column * side.scale)[:, None].expand(-1, side.rank) for side, column in sides], dim=1)

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        inner = nn.functional.linear(inputs[0].float(), self._A) * self._scale[:, None]
        return output + nn.functional.linear(inner, self._B).to(output.dtype)
