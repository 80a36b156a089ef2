"""The sizes of a model, from its config.json alone: what its memory and its time depend on. No torch here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tasks.settings.errors import UserError

_KNOWN = ("llama", "mistral", "qwen2", "qwen3")
"""Values of `model_type` whose blocks are those counted here."""
_MOST = 2**31
"""No size of a model is as large as this."""


class UnknownShapeError(ValueError):
    """A configuration of another architecture, or not a usable one; the message is one sentence."""


@dataclass(frozen=True)
class Shape:
    """A decoder of Llama's kind: grouped-query attention, a gated MLP of three layers, two norms a block."""

    hidden: int
    mlp: int
    layers: int
    vocabulary: int
    heads: int
    kv_heads: int
    element: int
    """Bytes of a weight: 4 or 2."""
    head_size: int = 0
    """Of one attention head; 0: the hidden size shared among the heads."""
    is_tied: bool = False
    """The output head is the embedding of the input."""
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    """Queries and keys are normalised, with a weight for each place in a head (Qwen3)."""

    @property
    def queries(self) -> int:
        """Width of the queries of one token in one layer; for most models the hidden size."""
        return (self.head_size or self.hidden // self.heads) * self.heads

    @property
    def kv(self) -> int:
        """Width of the keys of one token in one layer; that of the values is the same."""
        return self.queries // self.heads * self.kv_heads

    @property
    def linear_parameters(self) -> int:
        """Weights of the linear layers inside the blocks, which are what is adapted, merged and rounded."""
        return self.layers * (2 * self.hidden * self.queries + 2 * self.hidden * self.kv + 3 * self.hidden * self.mlp)

    @property
    def parameters(self) -> int:
        """All weights."""
        h = self.hidden
        biases = (
            self.qkv_bias * (self.queries + 2 * self.kv) + self.output_bias * h + self.mlp_bias * (2 * self.mlp + h)
        )
        norms = 2 * h + self.qk_norm * 2 * (self.queries // self.heads)
        ends = (1 if self.is_tied else 2) * self.vocabulary * h + h
        return self.linear_parameters + self.layers * (norms + biases) + ends

    @property
    def model(self) -> int:
        """Bytes of the weights."""
        return self.element * self.parameters

    @property
    def model_in_4bit(self) -> int:
        """Bytes with linear layers in nf4: half a byte a weight, one byte for 64 of them, four bytes for 256 of those.

        Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", arXiv:2305.14314.
        """
        rest = self.element * (self.parameters - self.linear_parameters)
        return rest + self.linear_parameters // 2 + self.linear_parameters // 64 + self.linear_parameters // 64 // 64

    def adapter(self, rank: int) -> int:
        """Numbers of one adapter."""
        h = self.hidden
        return rank * self.layers * (2 * (h + self.queries) + 2 * (h + self.kv) + 3 * (h + self.mlp))


def read_shape(config_file: Path, *, dtype: Literal["float32", "bfloat16"]) -> Shape:
    """The shape that a config.json tells of.

    Raises:
        UserError: the file is no JSON object.
        UnknownShapeError: the model is of an architecture that is not counted here, or a size is missing or none.
    """
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"model.path: '{config_file}' cannot be read ({reason}); save the model again.") from None
    if not isinstance(config, dict):
        raise UserError(
            f"model.path: '{config_file}' holds {type(config).__name__}, no settings; save the model again."
        )
    kind = config.get("model_type")
    if kind not in _KNOWN:
        raise UnknownShapeError(f"the model is a {kind!s:.40}, and only {', '.join(_KNOWN)} are counted")
    is_biased = bool(config.get("attention_bias", False)) and kind in ("llama", "qwen3")
    return Shape(
        hidden=_size(config, "hidden_size"),
        mlp=_size(config, "intermediate_size"),
        layers=_size(config, "num_hidden_layers"),
        vocabulary=_size(config, "vocab_size"),
        heads=_size(config, "num_attention_heads"),
        kv_heads=_size(config, "num_key_value_heads", default=_size(config, "num_attention_heads")),
        element=4 if dtype == "float32" else 2,
        head_size=_size(config, "head_dim", default=128 if kind == "qwen3" else 0),
        is_tied=bool(config.get("tie_word_embeddings", False)),
        qkv_bias=is_biased or kind == "qwen2",
        output_bias=is_biased,
        mlp_bias=bool(config.get("mlp_bias", False)) and kind == "llama",
        qk_norm=kind == "qwen3",
    )


def _size(config: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = config.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not int or not 0 < value < _MOST:
        raise UnknownShapeError(f"{name} in the model's config.json is {str(value)[:40]!r} and no size")
    return value
