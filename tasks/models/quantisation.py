"""Weight-only round-to-nearest quantisation, as quantise and dequantise in place: what a quantised model answers.

Symmetric, scale = absmax / (2^(bits - 1) - 1) over a row or a group of a row, from the weight itself; linear layers
only, no embedding and no output head. Weights keep their type and shape, so the model runs as before. Two rounded
models differ less than the models do: quantisation can undo small updates (Zhang et al., "Catastrophic Failure of LLM
Unlearning via Quantization", arXiv:2410.16454).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tasks.models.layers import linear_layers


@dataclass(frozen=True)
class Scheme:
    """How weights are rounded."""

    bits: int
    """Of a code; codes are integers of at most `2^(bits - 1) - 1` either way."""
    group: int | None = None
    """Columns of a row that share a scale; the last group may be shorter. None: a whole row."""

    @property
    def name(self) -> str:
        """Such as `int8_row` or `int4_g64`."""
        return f"int{self.bits}_" + ("row" if self.group is None else f"g{self.group}")


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {s.name: s for s in (Scheme(8), Scheme(4), *(Scheme(4, group) for group in (32, 64, 128)))}
)
"""By name: int8 by row; int4 by row and by groups of 32, 64 and 128."""


def codes_and_steps(weight: Tensor, scheme: Scheme) -> tuple[Tensor, Tensor]:
    """The integer code of each weight, and the step its row or group is rounded with; all zero: step 1 (any would do).

    Args:
        weight: Shape `(out, in)`; computed in float32 whatever its type.
        scheme: How it is rounded.

    Returns:
        Codes and steps, both float32 and of shape `(out, in)`; `codes * steps` is the rounded weight.
    """
    largest = 2 ** (scheme.bits - 1) - 1
    codes, steps = [], []
    for columns in weight.float().split(scheme.group or weight.shape[1], dim=1):
        absmax = columns.abs().amax(dim=1, keepdim=True)
        step = torch.where(absmax > 0, absmax / largest, torch.ones_like(absmax))
        codes.append((columns / step).round().clamp(-largest, largest))
        steps.append(step.expand_as(columns))
    return torch.cat(codes, dim=1), torch.cat(steps, dim=1)


def rounded(weight: Tensor, scheme: Scheme) -> Tensor:
    """The weight after quantisation and dequantisation, in its own type and shape."""
    codes, steps = codes_and_steps(weight, scheme)
    return (codes * steps).to(weight.dtype)


@contextmanager
def quantised(model: PreTrainedModel, scheme: Scheme) -> Iterator[None]:
    """The model with rounded weights inside the block, and bit for bit as before after it.

    What is kept for the way back is a copy of the linear layers on the CPU, not a second model where the model runs.
    """
    layers = linear_layers(model)
    kept = {name: layer.weight.detach().to("cpu", copy=True) for name, layer in layers.items()}
    try:
        with torch.no_grad():
            for layer in layers.values():
                layer.weight.copy_(rounded(layer.weight, scheme))
        yield
    finally:
        with torch.no_grad():
            for name, layer in layers.items():
                layer.weight.copy_(kept[name])
