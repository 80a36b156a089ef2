"""A causal language model with its tokenizer, in this process."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from tasks.models.codec import Codec, load_codec
from tasks.models.device import resolve_device
from tasks.models.model_folder import find_model_folder, model_digest
from tasks.models.reading import READING, quiet, reading
from tasks.models.weight_files import require_sound_weights
from tasks.settings.errors import UserError

__all__ = ["LanguageModel", "load_language_model", "model_digest"]


class LanguageModel(Codec):
    """A model and its tokenizer."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__(tokenizer, model.config, model.generation_config)
        self.model = model

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.device

    def embed(self, ids: Sequence[int]) -> Tensor:
        """The model's own input embeddings of tokens, detached, shape `(tokens, hidden_size)`."""
        with torch.no_grad():
            return self.model.get_input_embeddings()(torch.tensor(ids, device=self.device))


def load_language_model(
    path: str | Path, *, device: str = "cpu", dtype: Literal["float32", "bfloat16", "float16"] = "float32"
) -> LanguageModel:
    """Read a model folder, or a hub id, for inference: evaluation mode, no gradients, no code of the model's own.

    Raises:
        UserError: what `load_codec`, `resolve_device` and `require_sound_weights` refuse; the weights cannot be read,
            or some are missing.
    """
    device = resolve_device(device)
    codec, folder = load_codec(path), find_model_folder(path)
    require_sound_weights(folder, path)
    weights = {"dtype": getattr(torch, dtype), "attn_implementation": "sdpa", "use_safetensors": True}
    with reading(path):
        model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **weights, **READING)
    require_all_weights(report["missing_keys"], path)
    return LanguageModel(model.to(device).eval().requires_grad_(False), codec.tokenizer)


def require_all_weights(missing: Collection[str], path: str | Path) -> None:
    """Refuse a model folder that transformers would complete with random weights.

    Raises:
        UserError: a weight is missing.
    """
    if missing:
        raise UserError(
            f"model.path is '{path}', which lacks {len(missing)} of its weights ({min(missing)}); save the model again."
        )


def save_language_model(lm: LanguageModel, folder: Path) -> None:
    """Write a model folder that plain `from_pretrained` reads: safetensors weights, configuration, tokenizer."""
    with quiet():
        lm.model.save_pretrained(folder)
        lm.tokenizer.save_pretrained(folder)
