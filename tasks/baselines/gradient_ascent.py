"""Gradient ascent: the forget responses are made less likely, and nothing holds the rest.

Yao, Xu, Liu: "Large Language Model Unlearning", arXiv:2310.10683.
"""

from collections.abc import Mapping

from torch import Tensor

from tasks.baselines.descent import Batch, Material, Objective, by_descent
from tasks.baselines.method import Knob, Method
from tasks.release.training import response_loss


def objective(material: Material, knobs: Mapping[str, float]) -> Objective:
    """`-NLL_F`, a mean over response tokens."""

    def loss(forget: Batch, retain: Batch) -> Tensor:
        return -response_loss(material.lm.model, forget.pairs)

    return Objective(loss)


# Nothing holds the rest, so slower and shorter than the other methods: from where a model hardly changes to its ruin.
GRADIENT_ASCENT = Method(
    "gradient-ascent",
    "gradient ascent",
    "arXiv:2310.10683",
    (Knob("learning_rate", 1e-4, 4e-4), Knob("updates", 32, 128, whole=True)),
    by_descent(objective),
)
