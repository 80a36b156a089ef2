"""GradDiff: gradient ascent on what is to be forgotten, descent on what is to be kept.

Maini et al., "TOFU: A Task of Fictitious Unlearning for LLMs", arXiv:2401.06121.
"""

from collections.abc import Mapping

from torch import Tensor

from tasks.baselines.descent import LEARNING_RATE, RETAIN_WEIGHT, UPDATES, Batch, Material, Objective, by_descent
from tasks.baselines.method import Method
from tasks.release.training import response_loss


def objective(material: Material, knobs: Mapping[str, float]) -> Objective:
    """`-NLL_F + alpha NLL_R`, means over response tokens; alpha is the knob `retain_weight`."""
    model, alpha = material.lm.model, knobs["retain_weight"]

    def loss(forget: Batch, retain: Batch) -> Tensor:
        return alpha * response_loss(model, retain.pairs) - response_loss(model, forget.pairs)

    return Objective(loss, retain_passes=1)


GRAD_DIFF = Method(
    "grad-diff", "GradDiff", "arXiv:2401.06121", (LEARNING_RATE, UPDATES, RETAIN_WEIGHT), by_descent(objective)
)
