"""A causal language model with its tokenizer, in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from tasks.models.codec import Codec, load_codec
from tasks.models.device import resolve_device
from tasks.models.model_folder import find_model_folder, model_digest
from tasks.models.reading import READING, quiet, reading
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
        UserError: what `load_codec` and `resolve_device` refuse; the weights cannot be read, or some are missing.
    """
    device = resolve_device(device)
    codec = load_codec(path)
    weights = {"dtype": getattr(torch, dtype), "attn_implementation": "sdpa", "use_safetensors": True}
    with reading(path):
        model, report = AutoModelForCausalLM.from_pretrained(
            find_model_folder(path), output_loading_info=True, **weights, **READING
        )
    if missing := sorted(report["missing_keys"]):
        raise UserError(
            f"model.path is '{path}', which lacks {len(missing)} of its weights ({missing[0]}); save the model again."
        )
    return LanguageModel(model.to(device).eval().requires_grad_(False), codec.tokenizer)


def save_language_model(lm: LanguageModel, folder: Path) -> None:
    """Write a model folder that plain `from_pretrained` reads: safetensors weights, configuration, tokenizer."""
    with quiet():
        lm.model.save_pretrained(folder)
        lm.tokenizer.save_pretrained(folder)
