"""Train a shard's adapter for one slice more, from a checkpoint with which training goes on as if it never stopped.

A checkpoint is the adapter, in PEFT's format, and the moments of AdamW, as safetensors. Chance needs none: each slice
has a seed of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil, isfinite
from pathlib import Path

import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from tasks.models.language_model import LanguageModel
from tasks.models.pair import Pair
from tasks.release.adapter import Adapter, Factors, load_adapter, save_adapter
from tasks.release.training import add_gradients, endless_permutations, learning_rate_share, lora_layers
from tasks.settings.errors import UserError

MOMENTS_FILE = "optimizer.safetensors"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A shard after a slice."""

    adapter: Adapter
    moments: Mapping[str, Tensor]
    """AdamW's state by factor and quantity, such as `model.layers.0.mlp.up_proj.A.exp_avg`; empty before any update."""


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write an adapter that PEFT can load, and the optimizer's state beside it."""
    save_adapter(checkpoint.adapter, folder)
    save_file(dict(checkpoint.moments), folder / MOMENTS_FILE)


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote."""
    return Checkpoint(load_adapter(folder), load_file(folder / MOMENTS_FILE))


def num_updates(num_pairs: int, *, epochs: int, batch_size: int) -> int:
    """Optimizer updates of one slice that is trained on so many pairs."""
    return ceil(epochs * num_pairs / min(batch_size, num_pairs)) if num_pairs else 0


def train_slice(
    lm: LanguageModel,
    pairs: Sequence[Pair],
    *,
    start: Checkpoint | None,
    rank: int,
    alpha: float,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    max_grad_norm: float,
    seed: int,
) -> Checkpoint:
    """The shard after a slice: LoRA on every linear layer, next-token loss on the responses, AdamW without decay.

    The learning rate rises and falls once a slice; the moments are carried over. The model is left as it was.

    Args:
        lm: The base, on which every shard is trained.
        pairs: Of this slice and of the ones before it, as in the paper; none: nothing is learned.
        start: The shard after the slice before; None: new factors.
        rank: Inner dimension of the factors.
        alpha: The update is `(alpha / rank) B A`.
        learning_rate: AdamW's, at its highest; see `learning_rate_share`.
        epochs: Times that each pair is drawn in this slice.
        batch_size: Pairs an update, at most.
        max_grad_norm: The gradient's norm is clipped to this.
        seed: Of the first factors and of the order of the pairs; the global generators are neither read nor changed.

    Raises:
        UserError: a pair is longer than the model's context, or the loss is not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    encoded = [lm.encode_pair(pair) for pair in pairs]
    lm.require_context(max((len(ids) for ids, _ in encoded), default=0))
    batch_size = min(batch_size, len(encoded))
    updates = num_updates(len(encoded), epochs=epochs, batch_size=batch_size)
    with lora_layers(lm.model, rank=rank, alpha=alpha, generator=generator) as layers:
        factors = _factors(layers)
        optimizer = torch.optim.AdamW(factors.values(), weight_decay=0.0)
        if start:
            _restore(factors, optimizer, start)
        drawn = list(islice(endless_permutations(len(encoded), generator), updates * batch_size))
        for update in range(1, updates + 1):
            optimizer.zero_grad()
            loss = add_gradients(lm.model, [encoded[i] for i in drawn[(update - 1) * batch_size : update * batch_size]])
            if not isfinite(loss):
                raise UserError(
                    f"sisa: at a learning rate of {learning_rate} the loss became {loss} in {update} updates; lower it."
                )
            clip_grad_norm_(factors.values(), max_grad_norm)
            optimizer.param_groups[0]["lr"] = learning_rate * learning_rate_share(update, updates)
            optimizer.step()
        return _checkpoint(factors, optimizer, alpha)


def _factors(layers: Mapping[str, LoraLayer]) -> dict[str, nn.Parameter]:
    """The factors that are trained, `A` and `B` of each layer."""
    named = {}
    for name, layer in layers.items():
        named[f"{name}.A"] = layer.lora_A["default"].weight
        named[f"{name}.B"] = layer.lora_B["default"].weight
    return named


@torch.no_grad()
def _restore(factors: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer, start: Checkpoint) -> None:
    for name, parameter in factors.items():
        layer, _, side = name.rpartition(".")
        parameter.copy_(getattr(start.adapter.factors[layer], side))
    for key, moment in start.moments.items():
        name, _, quantity = key.rpartition(".")
        optimizer.state[factors[name]][quantity] = moment.clone()


def _checkpoint(factors: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer, alpha: float) -> Checkpoint:
    kept = {name: parameter.detach().to("cpu", torch.float32, copy=True) for name, parameter in factors.items()}
    layers = dict.fromkeys(name.rpartition(".")[0] for name in kept)
    moments = {
        f"{name}.{quantity}": value.to("cpu", copy=True)
        for name, parameter in factors.items()
        for quantity, value in optimizer.state.get(parameter, {}).items()
    }
    return Checkpoint(Adapter({name: Factors(kept[f"{name}.A"], kept[f"{name}.B"]) for name in layers}, alpha), moments)
