"""Fine-tuning of all linear layers on a loss over forget and retain pairs: what most published methods share.

As in their papers all weights of the layers are trained, not adapters, with AdamW and without weight decay; the
learning rate rises and falls as in our own trainings. In the model's own type.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from tasks.baselines.method import Diverged, Knob, Progress, Spent, Unlearn
from tasks.models.language_model import LanguageModel
from tasks.models.layers import linear_layers
from tasks.models.pair import Pair
from tasks.release.training import endless_permutations, learning_rate_share, response_logits
from tasks.store.seeds import derive_seed

LEARNING_RATE = Knob("learning_rate", 2e-4, 1.5e-3)
"""For a model of half a million weights (ours); models of billions are trained at about 1e-5, as in TOFU."""
UPDATES = Knob("updates", 64, 256, whole=True)
RETAIN_WEIGHT = Knob("retain_weight", 1, 16)
"""In TOFU both terms weigh the same: the low end."""
MAX_GRAD_NORM = 1.0

Encoded = tuple[Sequence[int], int]
"""Token ids of prompt and response, and the index of the first response token."""


@dataclass(frozen=True)
class Material:
    """What an objective is made for.

    Attributes:
        lm: The model that will be changed; untouched as yet.
        forget: All forget pairs, as tokens.
        retain: All retain pairs, as tokens.
        batch_size: Pairs that may go through the model at once.
    """

    lm: LanguageModel
    forget: Sequence[Encoded]
    retain: Sequence[Encoded]
    batch_size: int


@dataclass(frozen=True)
class Batch:
    """Pairs of one kind that an update reads.

    Attributes:
        pairs: Their tokens.
        indices: Where they stand among all pairs of the kind.
    """

    pairs: Sequence[Encoded]
    indices: Sequence[int]


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        loss: Of a batch of forget and one of retain pairs, under the model as it is; scalar, differentiable.
        forget_passes: Times that one evaluation of it sends the forget batch through a model, a reference included.
        retain_passes: The same of the retain batch.
        read_before: Sequences that were read to make it.
        layers: The linear layers that are trained, by module name; none: all.
        masks: By module name, of the shape of the weight: where it is False a weight keeps its bits.
    """

    loss: Callable[[Batch, Batch], Tensor]
    forget_passes: int = 1
    retain_passes: int = 0
    read_before: int = 0
    layers: Mapping[str, nn.Linear] = field(default_factory=dict)
    masks: Mapping[str, Tensor] = field(default_factory=dict)


def by_descent(objective: Callable[[Material, Mapping[str, float]], Objective]) -> Unlearn:
    """The method that minimises an objective, made from the untouched model and the knobs of a trial.

    Of the knobs `learning_rate` (AdamW's, at its highest) and `updates` are read here.
    """

    def unlearn(
        lm: LanguageModel,
        forget: Sequence[Pair],
        retain: Sequence[Pair],
        knobs: Mapping[str, float],
        *,
        batch_size: int,
        seed: int,
        progress: Progress | None = None,
    ) -> Spent:
        material = Material(lm, encode(lm, forget), encode(lm, retain), batch_size)
        minimised, updates = objective(material, knobs), int(knobs["updates"])
        descend(material, minimised, knobs["learning_rate"], updates, seed=seed, progress=progress)
        read = minimised.forget_passes * min(batch_size, len(forget))
        read += minimised.retain_passes * min(batch_size, len(retain))
        return Spent(updates, minimised.read_before + updates * read)

    return unlearn


def descend(
    material: Material,
    objective: Objective,
    learning_rate: float,
    num_updates: int,
    *,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Minimise an objective; the weights of its layers change in place.

    Raises:
        Diverged: the loss or its gradient is not finite; no update is made of it.
    """
    layers = dict(objective.layers) or linear_layers(material.lm.model)
    forget = _batches(material.forget, material.batch_size, derive_seed(seed, "forget"))
    retain = _batches(material.retain, material.batch_size, derive_seed(seed, "retain"))
    with trainable(layers) as parameters:
        optimizer = torch.optim.AdamW(parameters, weight_decay=0.0)
        for update in range(1, num_updates + 1):
            optimizer.zero_grad()
            loss = objective.loss(next(forget), next(retain))
            if not isfinite(loss.item()):
                raise Diverged(f"the loss became {loss.item()} in update {update} at a learning rate {learning_rate:g}")
            loss.backward()
            # AdamW does not move a weight whose gradient has always been zero.
            for name, mask in objective.masks.items():
                layers[name].weight.grad.mul_(mask)
            norm = clip_grad_norm_(parameters, MAX_GRAD_NORM).item()
            if not isfinite(norm):
                raise Diverged(f"the gradient became {norm} in update {update} at a learning rate {learning_rate:g}")
            optimizer.param_groups[0]["lr"] = learning_rate * learning_rate_share(update, num_updates)
            optimizer.step()
            if progress:
                progress(update / num_updates, f"loss {loss.item():.2f}")


def encode(lm: LanguageModel, pairs: Sequence[Pair]) -> list[Encoded]:
    """Tokens of pairs.

    Raises:
        UserError: one is longer than the model's context.
    """
    encoded = [lm.encode_pair(pair) for pair in pairs]
    lm.require_context(max(len(ids) for ids, _ in encoded))
    return encoded


@contextmanager
def trainable(layers: Mapping[str, nn.Linear]) -> Iterator[list[nn.Parameter]]:
    """The weights of layers take gradients inside the block; afterwards neither they nor their gradients are there."""
    parameters = [layer.weight for layer in layers.values()]
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        yield parameters
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False)
            parameter.grad = None


def log_probs(model: nn.Module, pairs: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
    """Log-probability of each response, in nats, summed over its tokens, and their number; both `(pairs,)`."""
    logits, tokens, rows = response_logits(model, pairs)
    of_tokens = logits.log_softmax(dim=-1).gather(1, tokens[:, None])[:, 0]
    sums = torch.zeros(len(pairs), device=logits.device).index_add(0, rows, of_tokens)
    return sums, torch.bincount(rows, minlength=len(pairs))


@torch.no_grad()
def all_log_probs(material: Material, pairs: Sequence[Encoded]) -> Tensor:
    """The summed log-probability of each response under the model as it is, without gradients; `(pairs,)`."""
    size = material.batch_size
    parts = [log_probs(material.lm.model, pairs[i : i + size])[0] for i in range(0, len(pairs), size)]
    return torch.cat(parts)


def _batches(pairs: Sequence[Encoded], size: int, seed: int) -> Iterator[Batch]:
    """Endless batches in random order, each pair once before any comes again."""
    order = endless_permutations(len(pairs), torch.Generator().manual_seed(seed))
    while True:
        indices = list(islice(order, min(size, len(pairs))))
        yield Batch([pairs[i] for i in indices], indices)
