"""Relearning: how few training steps bring a forgotten skill back?

Fine-tuning on a few samples of what was forgotten, or on data that have nothing to do with it, brings back what an
unlearned model only hides; what it has really lost it must learn anew. So its curve is read beside that of a model
that never had the skill.
Hu et al., "Jogging the Memory of Unlearned LLMs Through Targeted Relearning Attacks", arXiv:2406.13356.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from tasks.models.language_model import LanguageModel
from tasks.models.layers import linear_layers
from tasks.models.pair import Pair
from tasks.release.training import learning_rate_share, response_loss
from tasks.settings.errors import UserError

MAX_GRAD_NORM = 1.0


def relearn(
    lm: LanguageModel,
    pairs: Sequence[Pair],
    *,
    measure: Callable[[], float],
    learning_rate: float,
    num_steps: int,
    batch_size: int,
) -> dict[int, float]:
    """The forget metric while the model is fine-tuned on some pairs, by the number of optimizer updates so far.

    One training run, measured in between: before it, after updates 1, 2, 4, 8 and so on, and after the last. All
    weights of the linear layers are trained (ours: on the lab this brings the forgotten back in fewer updates than a
    LoRA, and costs less), in the model's own type, with AdamW. Afterwards the model is as it was, bit for bit; until
    then a copy of these weights is held in main memory.

    Args:
        lm: The model that was made to forget, or one to compare it with.
        pairs: What it is fine-tuned on, in this order, over and over.
        measure: Measures `lm` as it is when called.
        learning_rate: At its highest; see `learning_rate_share`.
        num_steps: Optimizer updates.
        batch_size: Pairs an update, at most.

    Raises:
        UserError: a pair is longer than the model's context, or the loss is not finite.
    """
    encoded = [lm.encode_pair(pair) for pair in pairs]
    lm.require_context(max(len(ids) for ids, _ in encoded))
    drawn = cycle(encoded)
    moments = measured_steps(num_steps)
    curve = {0: measure()}
    with _trainable(lm) as parameters:
        optimizer = torch.optim.AdamW(parameters, weight_decay=0.0)
        for step in range(1, num_steps + 1):
            loss = response_loss(lm.model, list(islice(drawn, min(batch_size, len(pairs)))))
            if not torch.isfinite(loss):
                raise UserError(
                    f"assess.relearning_rate: at {learning_rate} the loss became {loss.item()} in {step} updates; "
                    "lower it."
                )
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(parameters, MAX_GRAD_NORM)
            optimizer.param_groups[0]["lr"] = learning_rate * learning_rate_share(step, num_steps)
            optimizer.step()
            if step in moments:
                curve[step] = measure()
    return curve


def measured_steps(num_steps: int) -> list[int]:
    """The powers of two up to a number of updates, and that number."""
    return [*(1 << k for k in range((num_steps - 1).bit_length())), num_steps]


@contextmanager
def _trainable(lm: LanguageModel) -> Iterator[list[nn.Parameter]]:
    """The weights of the linear layers, to be trained inside the block; put back after it."""
    parameters = [layer.weight for layer in linear_layers(lm.model).values()]
    kept = [parameter.detach().to("cpu", copy=True) for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_(True)
        yield parameters
    finally:
        for parameter, weight in zip(parameters, kept, strict=True):
            parameter.requires_grad_(False)
            parameter.grad = None
            parameter.copy_(weight)
