"""KL-retain: gradient ascent, held by the distance to what the untouched model says of the retain pairs.

Maini et al., "TOFU: A Task of Fictitious Unlearning for LLMs", arXiv:2401.06121.
"""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from tasks.baselines.descent import LEARNING_RATE, RETAIN_WEIGHT, UPDATES, Batch, Material, Objective, by_descent
from tasks.baselines.method import Method
from tasks.release.training import response_logits, response_loss


def objective(material: Material, knobs: Mapping[str, float]) -> Objective:
    """`-NLL_F + alpha KL(ref || pi)_R`; alpha is the knob `retain_weight`.

    The untouched model stays beside the one that changes: whole distributions over the vocabulary of all retain tokens
    would be larger than it.
    """
    model, alpha = material.lm.model, knobs["retain_weight"]
    reference = deepcopy(model)

    def loss(forget: Batch, retain: Batch) -> Tensor:
        logits, _, _ = response_logits(model, retain.pairs)
        with torch.no_grad():
            expected, _, _ = response_logits(reference, retain.pairs)
        return alpha * mean_kl(expected, logits) - response_loss(model, forget.pairs)

    return Objective(loss, retain_passes=2)


def mean_kl(reference: Tensor, logits: Tensor) -> Tensor:
    """`KL(ref || pi)` of the next token, in nats, a mean over tokens; both logits are `(tokens, vocabulary)`."""
    return kl_div(logits.log_softmax(-1), reference.log_softmax(-1), reduction="batchmean", log_target=True)


KL_RETAIN = Method(
    "kl-retain",
    "gradient ascent + KL",
    "arXiv:2401.06121",
    (LEARNING_RATE, UPDATES, RETAIN_WEIGHT),
    by_descent(objective),
)
