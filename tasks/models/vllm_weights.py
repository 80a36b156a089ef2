"""New weights for a vLLM engine that runs on a CPU.

There vLLM packs each linear weight after loading and drops the original. Its own `reload_weights` (0.32) does not know
that: it reports success and serves the old linear layers with the new embeddings and norms.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn


@torch.no_grad()
def load_packed_weights(model: nn.Module, folder: Path) -> None:
    """Give the model the weights of a folder of safetensors, packed as vLLM packs them.

    Raises:
        KeyError: the folder lacks a weight; nothing was changed.
    """
    from vllm.model_executor.layers.utils import dispatch_cpu_unquantized_gemm

    weights = {name: weight for file in folder.glob("model*.safetensors") for name, weight in load_file(file).items()}
    fused = getattr(model, "packed_modules_mapping", {})
    fresh = {name: _fused_weight(name, weights, fused) for name, _ in model.named_parameters()}

    dropped = set()
    for name, weight in fresh.items():
        module_name, _, kind = name.rpartition(".")
        module = model.get_submodule(module_name)
        parameter = getattr(module, kind)
        if parameter.numel() == 0:
            setattr(module, kind, nn.Parameter(weight.to(parameter.dtype), requires_grad=False))
            dropped.add(module)
        else:
            parameter[: len(weight)].copy_(weight)  # a vocabulary may be padded with rows that nobody asks for
    for module in model.modules():  # not by weight: a head that is tied to the embeddings packs them once more
        if hasattr(module, "cpu_linear"):
            dispatch_cpu_unquantized_gemm(module, remove_weight=module in dropped)


def _fused_weight(name: str, weights: dict[str, Tensor], fused: dict[str, list[str]]) -> Tensor:
    """The weight of a layer; vLLM has one for several of the checkpoint: `qkv_proj` for q, k and v."""
    *path, module, kind = name.split(".")
    return torch.cat([weights[".".join([*path, part, kind])] for part in fused.get(module, [module])])
