"""Linear layers in 4 bits while adapters are trained on them, so that a model of 8B leaves room on 24 GB.

The codes are nf4 with 8-bit scales (QLoRA: Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs",
arXiv:2305.14314), by bitsandbytes. Nothing is ever merged from them: the weights themselves wait on the CPU.
"""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers import PreTrainedModel

from tasks.models.layers import linear_layers
from tasks.settings.errors import UserError


def require_bitsandbytes() -> None:
    """Refuse to go on without bitsandbytes.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(
            "release.train_in is 4bit, but bitsandbytes is not installed; install the extra quant, or use "
            "release.train_in full."
        )


@contextmanager
def in_4bit(model: PreTrainedModel) -> Iterator[None]:
    """Linear layers in 4 bits inside the block, and bit for bit as before after it.

    Not by transformers' own loader, which quantises the files of a model: the weights of a step are in no file.

    Raises:
        UserError: bitsandbytes is not installed.
    """
    require_bitsandbytes()
    device, layers = model.device, linear_layers(model)
    try:
        for name, layer in layers.items():
            layer.to("cpu")
            model.set_submodule(name, _coded(layer).to(device))
        model.is_loaded_in_4bit = True  # PEFT asks for it
        yield
    finally:
        model.is_loaded_in_4bit = False
        for name, layer in layers.items():
            model.set_submodule(name, layer.to(device))


def _coded(layer: nn.Linear) -> nn.Linear:
    """The layer as bitsandbytes' own, which takes the codes of its weight when it is sent to a device."""
    from bitsandbytes.nn import Linear4bit, Params4bit

    coded = Linear4bit(
        layer.in_features, layer.out_features, bias=False, compute_dtype=layer.weight.dtype, device="meta"
    )
    coded.weight = Params4bit(layer.weight.detach(), requires_grad=False, quant_type="nf4", module=coded)
    coded.bias = layer.bias
    return coded
