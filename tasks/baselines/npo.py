"""Negative preference optimisation: gradient ascent that lets go of a pair as it becomes less likely than it was.

Zhang, Lin, Bai, Mei: "Negative Preference Optimization: From Catastrophic Collapse to Effective Unlearning",
arXiv:2404.05868.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from tasks.baselines.descent import (
    LEARNING_RATE,
    RETAIN_WEIGHT,
    UPDATES,
    Batch,
    Material,
    Objective,
    all_log_probs,
    by_descent,
    log_probs,
)
from tasks.baselines.method import Knob, Method
from tasks.release.training import response_loss


def objective(material: Material, knobs: Mapping[str, float]) -> Objective:
    """`NPO_F + alpha NLL_R`, the variant with a retain loss that the paper finds best.

    What the untouched model says of the forget pairs is computed once, so no second model is held.
    """
    model, beta, alpha = material.lm.model, knobs["beta"], knobs["retain_weight"]
    reference = all_log_probs(material, material.forget)

    def loss(forget: Batch, retain: Batch) -> Tensor:
        sums, _ = log_probs(model, forget.pairs)
        ratios = sums - reference[torch.tensor(forget.indices, device=reference.device)]
        return npo_loss(ratios, beta) + alpha * response_loss(model, retain.pairs)

    return Objective(loss, retain_passes=1, read_before=len(material.forget))


def npo_loss(log_ratios: Tensor, beta: float) -> Tensor:
    """`-(2 / beta) mean log sigmoid(-beta log(pi / ref))`; at the reference `(2 / beta) ln 2`, rising like `-NLL_F`.

    Args:
        log_ratios: `log pi(y|x) - log ref(y|x)`, summed over the tokens of each response; `(pairs,)`.
        beta: Above 0; towards 0 the gradient becomes that of gradient ascent everywhere.
    """
    return -(2 / beta) * logsigmoid(-beta * log_ratios).mean()


BETA = Knob("beta", 0.05, 0.5)
"""The paper takes 0.1, and a retain weight of 1."""

NPO = Method(
    "npo",
    "NPO",
    "arXiv:2404.05868",
    (LEARNING_RATE, UPDATES, RETAIN_WEIGHT, BETA),
    by_descent(objective),
)
