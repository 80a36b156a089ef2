"""An adapter is a low-rank update of every linear layer of a model; on disk it is PEFT's LoRA format.

LoRA: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tasks.settings.errors import UserError

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
# How PEFT names the factors of a layer.
_PREFIX, _A, _B = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
# Options of PEFT under which an update is no longer (alpha / r) B A of plain linear layers.
_OTHER_FORMULA = (
    "use_rslora",
    "use_dora",
    "rank_pattern",
    "alpha_pattern",
    "modules_to_save",
    "fan_in_fan_out",
    "lora_bias",
)


class Factors(NamedTuple):
    """The two factors of one layer's update."""

    A: Tensor
    """Shape `(r, in)`, float32."""
    B: Tensor
    """Shape `(out, r)`, float32."""


@dataclass(frozen=True, eq=False)
class Adapter:
    """What one training run changed: `scale * B A` on each layer, `scale = alpha / rank`."""

    factors: Mapping[str, Factors]
    """By module name, as in the model's `named_modules()`."""
    alpha: float
    """LoRA alpha."""

    @property
    def rank(self) -> int:
        """The inner dimension `r`, the same for every layer."""
        return next(iter(self.factors.values())).A.shape[0]

    @property
    def scale(self) -> float:
        """What the product `B A` is multiplied by."""
        return self.alpha / self.rank

    @property
    def target_modules(self) -> list[str]:
        """The last parts of the module names, sorted: `["down_proj", "gate_proj", ...]`."""
        return sorted({name.rpartition(".")[2] for name in self.factors})


def save_adapter(adapter: Adapter, folder: Path) -> None:
    """Write an adapter so that `PeftModel.from_pretrained(base, folder)` loads it.

    The bytes depend on the adapter only: no time, no path, no name of a base model.
    """
    config = {
        "base_model_name_or_path": None,
        "bias": "none",
        "inference_mode": True,
        "lora_alpha": adapter.alpha,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": adapter.rank,
        "target_modules": adapter.target_modules,
        "task_type": "CAUSAL_LM",
    }
    tensors = {}
    for name, (A, B) in adapter.factors.items():
        tensors[f"{_PREFIX}{name}{_A}"] = A.float().cpu().contiguous()
        tensors[f"{_PREFIX}{name}{_B}"] = B.float().cpu().contiguous()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    save_file(tensors, folder / WEIGHTS_FILE, metadata={"format": "pt"})


def load_adapter(folder: Path) -> Adapter:
    """Read an adapter that `save_adapter` or PEFT wrote.

    Raises:
        UserError: a file is missing or unreadable, or the adapter is not a plain LoRA of linear layers.
    """
    config = _read_config(folder / CONFIG_FILE)
    try:
        tensors = load_file(folder / WEIGHTS_FILE)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"adapter: {folder / WEIGHTS_FILE} cannot be read ({error}); give a LoRA saved by PEFT."
        ) from error

    names = sorted(key[len(_PREFIX) : -len(_A)] for key in tensors if key.startswith(_PREFIX) and key.endswith(_A))
    rank = config["r"]
    factors = {
        name: Factors(tensors[f"{_PREFIX}{name}{_A}"].float(), tensors[f"{_PREFIX}{name}{_B}"].float())
        for name in names
        if f"{_PREFIX}{name}{_B}" in tensors
    }
    if (
        not factors
        or len(tensors) != 2 * len(factors)
        or any(A.shape[0] != rank or B.shape[1] != rank for A, B in factors.values())
    ):
        raise UserError(
            f"adapter: {folder / WEIGHTS_FILE} should hold lora_A and lora_B of rank {rank} for each layer."
        )
    return Adapter(factors, alpha=config["lora_alpha"])


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"adapter: {path} cannot be read ({error}); give a LoRA saved by PEFT.") from error
    unsupported = [option for option in _OTHER_FORMULA if config.get(option)]
    if config.get("peft_type") != "LORA" or "r" not in config or "lora_alpha" not in config:
        raise UserError(f"adapter: {path} is of type {config.get('peft_type')}; give a LoRA with r and lora_alpha.")
    if unsupported:
        raise UserError(f"adapter: {path} sets {', '.join(unsupported)}; give a plain LoRA, (alpha / r) B A.")
    return config
