"""One-shot negation: what fine-tuning on the forget pairs adds is subtracted, in one step.

Ilharco et al., "Editing Models with Task Arithmetic", arXiv:2212.04089; with low-rank modules Zhang et al.,
"Composing Parameter-Efficient Modules with Arithmetic Operations", arXiv:2306.14870.
"""

from collections.abc import Mapping, Sequence

import torch

from tasks.baselines.descent import MAX_GRAD_NORM, encode
from tasks.baselines.method import Diverged, Knob, Method, Progress, Spent
from tasks.models.language_model import LanguageModel
from tasks.models.layers import linear_layers
from tasks.models.pair import Pair
from tasks.release.adapter import Adapter
from tasks.release.merge import Update, merged_weight
from tasks.release.training import train_adapter
from tasks.settings.errors import UserError
from tasks.store.seeds import derive_seed

RANK, ALPHA = 8, 16
LEARNING_RATE = Knob("learning_rate", 2e-3, 8e-3)
UPDATES = Knob("updates", 32, 256, whole=True)
SCALE = Knob("scale", 0.5, 2)
"""The papers subtract at most the whole update, from training to the end; here as well half of it or twice."""


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
    """`theta_0 - scale (theta_F - theta_0)`, theta_F by a LoRA trained on the forget pairs."""
    adapter = trained(lm, forget, knobs, batch_size=batch_size, seed=derive_seed(seed, "forget"), progress=progress)
    add_updates(lm, [Update(adapter, -knobs["scale"])])
    updates = int(knobs["updates"])
    return Spent(updates, updates * min(batch_size, len(forget)))


def trained(
    lm: LanguageModel,
    pairs: Sequence[Pair],
    knobs: Mapping[str, float],
    *,
    batch_size: int,
    seed: int,
    progress: Progress | None,
) -> Adapter:
    """An adapter trained as those of the release are; `knobs` gives `learning_rate` and `updates`.

    Raises:
        Diverged: the loss is not finite.
        UserError: a pair is longer than the model's context.
    """
    encode(lm, pairs)  # Refuses long pairs here: what the training refuses after that is a loss that is not finite.
    updates = int(knobs["updates"])
    try:
        return train_adapter(
            lm,
            pairs,
            rank=RANK,
            alpha=ALPHA,
            learning_rate=knobs["learning_rate"],
            num_steps=updates,
            batch_size=batch_size,
            max_grad_norm=MAX_GRAD_NORM,
            seed=seed,
            progress=(lambda update, loss: progress(update / updates, f"loss {loss:.2f}")) if progress else None,
        )
    except UserError as error:
        raise Diverged(str(error)) from error


@torch.no_grad()
def add_updates(lm: LanguageModel, updates: Sequence[Update]) -> None:
    """Add the weighted sum of updates to every linear layer, in place."""
    for name, layer in linear_layers(lm.model).items():
        layer.weight.copy_(merged_weight(layer.weight, updates, name))


NEGATION = Method(
    "negation",
    "one-shot negation",
    "arXiv:2212.04089",
    (LEARNING_RATE, UPDATES, SCALE),
    unlearn,
)
