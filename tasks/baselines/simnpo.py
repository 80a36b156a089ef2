"""SimNPO: NPO without a reference, and a response counts by its mean token.

Fan et al., "Simplicity Prevails: Rethinking Negative Preference Optimization for LLM Unlearning", arXiv:2410.07163.
"""

from collections.abc import Mapping

from torch import Tensor
from torch.nn.functional import logsigmoid

from tasks.baselines.descent import (
    LEARNING_RATE,
    UPDATES,
    Batch,
    Material,
    Objective,
    by_descent,
    log_probs,
)
from tasks.baselines.method import Knob, Method
from tasks.release.training import response_loss

GAMMA = 0.0
"""The margin; the paper finds 0 a good choice."""


def objective(material: Material, knobs: Mapping[str, float]) -> Objective:
    """`SimNPO_F + alpha NLL_R`; alpha is the knob `retain_weight`."""
    model, beta, alpha = material.lm.model, knobs["beta"], knobs["retain_weight"]

    def loss(forget: Batch, retain: Batch) -> Tensor:
        sums, counts = log_probs(model, forget.pairs)
        return simnpo_loss(sums / counts, beta, GAMMA) + alpha * response_loss(model, retain.pairs)

    return Objective(loss, retain_passes=1)


def simnpo_loss(mean_log_probs: Tensor, beta: float, gamma: float) -> Tensor:
    """`-(2 / beta) mean log sigmoid(-(beta / |y|) log pi(y|x) - gamma)`.

    Args:
        mean_log_probs: `log pi(y|x) / |y|`, `(pairs,)`, nats a token.
        beta: Above 0.
        gamma: Margin, at least 0.
    """
    return -(2 / beta) * logsigmoid(-beta * mean_log_probs - gamma).mean()


# Paper, on TOFU: the forget loss counts .1375 (.125) of the retain loss, beta 2.5 (4.5): retain weights of 7.3 and 8.
SIMNPO = Method(
    "simnpo",
    "SimNPO",
    "arXiv:2410.07163",
    (LEARNING_RATE, UPDATES, Knob("retain_weight", 0.5, 8), Knob("beta", 1, 6)),
    by_descent(objective),
)
