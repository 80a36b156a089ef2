"""An adapter with random factors for every linear layer of a model."""

import torch
from transformers import PreTrainedModel

from tasks.models.layers import linear_layers
from tasks.release.adapter import Adapter, Factors


def random_adapter(model: PreTrainedModel, seed: int, *, rank: int = 2, alpha: float = 4, size: float = 0.1) -> Adapter:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return size * torch.randn(*shape, generator=generator)

    factors = {
        name: Factors(draw(rank, layer.in_features), draw(layer.out_features, rank))
        for name, layer in linear_layers(model).items()
    }
    return Adapter(factors, alpha)
