"""Saliency-masked unlearning: only the weights that matter most for the forget pairs may change.

Fan et al., "SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency", arXiv:2310.12508. The paper
relabels classes at random, which text does not have; on the mask we minimise GradDiff's loss.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from tasks.baselines import grad_diff
from tasks.baselines.descent import RETAIN_WEIGHT, UPDATES, Material, Objective, by_descent, trainable
from tasks.baselines.method import Knob, Method
from tasks.models.layers import linear_layers
from tasks.release.training import response_loss


def objective(material: Material, knobs: Mapping[str, float]) -> Objective:
    """GradDiff's loss on the share of weights with the largest gradient; all others keep their bits."""
    layers = linear_layers(material.lm.model)
    masks = saliency_masks(forget_gradients(material, layers), knobs["share"])
    return replace(grad_diff.objective(material, knobs), read_before=len(material.forget), masks=masks)


def forget_gradients(material: Material, layers: Mapping[str, nn.Linear]) -> dict[str, Tensor]:
    """The gradient of the forget loss by module name: over all forget pairs, summed by batch."""
    size = material.batch_size
    with trainable(layers):
        for first in range(0, len(material.forget), size):
            response_loss(material.lm.model, material.forget[first : first + size]).backward()
        return {name: layer.weight.grad.clone() for name, layer in layers.items()}


def saliency_masks(gradients: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Where the gradient is among the largest `share` of all layers together, by size; at least one weight.

    Args:
        gradients: By module name.
        share: In (0, 1].
    """
    sizes = torch.cat([gradient.abs().flatten() for gradient in gradients.values()])
    count = max(1, round(share * len(sizes)))
    threshold = sizes.kthvalue(len(sizes) - count + 1).values
    return {name: gradient.abs() >= threshold for name, gradient in gradients.items()}


SALUN = Method(
    "salun",
    "SalUn (masked GradDiff)",
    "arXiv:2310.12508",
    (Knob("learning_rate", 3e-4, 3e-3), UPDATES, RETAIN_WEIGHT, Knob("share", 0.1, 0.6)),
    by_descent(objective),
)
