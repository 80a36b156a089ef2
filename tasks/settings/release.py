"""How the forget set is released from the weights."""

from typing import Literal

from pydantic import Field

from tasks.settings.base import Settings


class ReleaseSettings(Settings):
    """The steps of the release: two adapters, a merge, a measurement."""

    steps: int = Field(32, ge=1, le=200)
    """Merges at most; the release stops earlier when the goal is met."""
    order: Literal["parallel", "residual"] = "residual"
    """`parallel`: both adapters from the same weights. `residual`: the retain adapter is trained on the model with the
    forget update already subtracted, so it learns what the subtraction broke."""
    forget_weight: float = Field(1.0, ge=0, le=10)
    """Factor a of the forget update that is subtracted."""
    retain_weight: float = Field(1.0, ge=0, le=10)
    """Factor b of the retain update that is added."""
    open_below: float = Field(5.0, gt=0, le=100)
    """A forget pair is trained on only while the current model finds it likely: NLL a token below this, in nats."""
    few_open: float = Field(0.05, ge=0, lt=1)
    """The release stops when the share of forget pairs that are still open falls below this."""
    patience: int = Field(3, ge=1, le=100)
    """Steps in a row that may be undone before the release gives up."""
    rank: int = Field(8, ge=1, le=512)
    """LoRA rank."""
    lora_alpha: int = Field(16, ge=1, le=4096)
    """LoRA alpha; the update is (alpha / rank) B A."""
    learning_rate: float = Field(4e-3, gt=0, le=1)
    """AdamW's learning rate, at its highest."""
    max_grad_norm: float = Field(1.0, gt=0, le=1e6)
    """Gradients are clipped to this norm."""
    forget_updates: int = Field(16, ge=1, le=100_000)
    """Optimizer updates of a forget adapter."""
    retain_updates: int = Field(24, ge=1, le=100_000)
    """Optimizer updates of a retain adapter."""
    forget_batch: int = Field(16, ge=1, le=4096)
    """Pairs in a batch of the forget adapter."""
    retain_batch: int = Field(32, ge=1, le=4096)
    """Pairs in a batch of the retain adapter."""
    gradient_checkpointing: bool = False
    """Keep only the input of each block while an adapter is trained, and compute the rest of it twice: slower, in a
    fraction of the memory. For large models."""
    tokens_at_once: int = Field(0, ge=0, le=10_000_000)
    """Tokens, padding included, that go through the model at once while an adapter is trained; a larger batch goes in
    parts, to the same loss. 0: a whole batch at once."""
    retain_size: int = Field(4096, ge=16, le=1_000_000)
    """Retain pairs to train on."""
