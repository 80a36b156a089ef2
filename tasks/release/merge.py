"""The weights after k steps, always rebuilt from the untouched model: theta_k = cast(theta_0 + sum of the updates).

Merging on top of weights that were rounded before loses most of many small updates (ours: one rounding, whatever k).
Sums are of the products B A; averaging factors instead would leave cross terms B_i A_j.
Task arithmetic: Ilharco et al., arXiv:2212.04089.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from tasks.models.language_model import LanguageModel
from tasks.models.layers import linear_layers
from tasks.release.adapter import Adapter
from tasks.settings.errors import UserError


@dataclass(frozen=True, eq=False)
class Update:
    """An adapter and what it is multiplied by when it is merged."""

    adapter: Adapter
    weight: float
    """Signed: below zero for a forget adapter, which is subtracted, above for a retain adapter."""


def merged_weight(weight: Tensor, updates: Sequence[Update], layer: str) -> Tensor:
    """A layer's weight plus the weighted sum of its updates.

    `W' = W + sum_k w_k s_k B_k A_k`, summed in float32 and cast once to the type of `W`.

    Args:
        weight: `W`, shape `(out, in)`; left unchanged.
        updates: In the order of the steps; one without the layer adds nothing.
        layer: Module name, the key into each adapter's factors.

    Raises:
        UserError: an update does not have the shape of the weight; both shapes are in the message.
    """
    scaled_B, A = [], []
    for update in updates:
        if layer not in update.adapter.factors:
            continue
        factors = update.adapter.factors[layer]
        shape = (factors.B.shape[0], factors.A.shape[1])
        if shape != tuple(weight.shape):
            raise UserError(
                f"adapter: it changes {layer} by {shape}, the weight is {tuple(weight.shape)}; train it on this model."
            )
        scaled_B.append(update.weight * update.adapter.scale * factors.B.to(weight.device))
        A.append(factors.A.to(weight.device))
    if not A:
        return weight.clone()
    # One product of the concatenated factors is the sum of the products, and there are no others in it.
    change = torch.cat(scaled_B, dim=1) @ torch.cat(A, dim=0)
    return change.add_(weight).to(weight.dtype)  # In place: at 8B each float32 copy of a layer is 235 MB.


class Checkpoints:
    """Any state of a release, written into a loaded model layer by layer from the untouched model's files.

    `apply` depends on its updates alone, not on what the model held before: going from step k-1 to a candidate and back
    gives the same bits, and no second copy of the model is held.
    """

    def __init__(self, base_folder: Path):
        """Look up which file holds which tensor of theta_0.

        Raises:
            UserError: the folder has no safetensors weights.
        """
        self._base_folder = base_folder
        self._file_of = _tensor_files(base_folder)

    def require(self, lm: LanguageModel) -> None:
        """Refuse a model that could not be released.

        Raises:
            UserError: the model has no linear layers, or the folder lacks the weight of one.
        """
        layers = linear_layers(lm.model)
        if not layers:
            raise UserError(
                f"model: '{self._base_folder}' is a {type(lm.model).__name__}, whose blocks have no plain linear "
                "layers to adapt; use a model like Llama, Mistral or Qwen."
            )
        for name in layers:
            if f"{name}.weight" not in self._file_of:
                raise UserError(
                    f"model: '{self._base_folder}' holds no {name}.weight; save the whole model with save_pretrained."
                )

    @torch.no_grad()
    def apply(self, lm: LanguageModel, updates: Sequence[Update]) -> None:
        """Give the model's linear layers the weights of theta_0 plus these updates; no updates: theta_0 itself.

        Raises:
            UserError: an adapter changes a layer the model does not have, or the folder lacks a layer's weight.
        """
        self.require(lm)
        layers = linear_layers(lm.model)
        unknown = sorted({name for update in updates for name in update.adapter.factors} - layers.keys())
        if unknown:
            raise UserError(
                f"adapter: it changes {unknown[0]}, which is no linear layer of the model; train it on this model."
            )
        for key, tensor in self._read(f"{name}.weight" for name in layers):
            name = key.removesuffix(".weight")
            weight = layers[name].weight
            weight.copy_(merged_weight(tensor.to(weight.device, torch.float32), updates, name))

    def beside(self, lm: LanguageModel) -> Iterator[tuple[Tensor, Tensor]]:
        """Of each linear layer the weight of theta_0 and the one that the model has, in its type; a layer at a time."""
        layers = linear_layers(lm.model)
        for key, tensor in self._read(f"{name}.weight" for name in layers):
            weight = layers[key.removesuffix(".weight")].weight
            yield tensor.to(weight.device, weight.dtype), weight.detach()

    def holds_all(self, lm: LanguageModel) -> bool:
        """Whether the folder has every parameter of the model under its name, so that all of it can be restored."""
        return all(name in self._file_of for name, _ in lm.model.named_parameters())

    @torch.no_grad()
    def restore_rest(self, lm: LanguageModel) -> None:
        """Give all parameters that `apply` does not write, such as the embeddings, the values of theta_0."""
        written = {f"{name}.weight" for name in linear_layers(lm.model)}
        rest = {name: parameter for name, parameter in lm.model.named_parameters() if name not in written}
        for name, tensor in self._read(rest):
            rest[name].copy_(tensor)

    def _read(self, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """Tensors of theta_0 by name, one at a time; each file is opened once."""
        names_in: dict[Path, list[str]] = defaultdict(list)
        for name in names:
            names_in[self._file_of[name]].append(name)
        for file, inside in names_in.items():
            with safe_open(file, framework="pt") as tensors:
                for name in inside:
                    yield name, tensors.get_tensor(name)


def _tensor_files(folder: Path) -> dict[str, Path]:
    """Tensor name -> safetensors file, for one file or for shards with an index."""
    index = folder / "model.safetensors.index.json"
    single = folder / "model.safetensors"
    if index.is_file():
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return {name: folder / file for name, file in weight_map.items()}
    if single.is_file():
        with safe_open(single, framework="pt") as tensors:
            return dict.fromkeys(tensors.keys(), single)
    raise UserError(f"model: '{folder}' has no model.safetensors; give a folder written by save_pretrained.")
