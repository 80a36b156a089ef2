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
    weights: Literal["line", "model", "fixed"] = "line"
    """How a step's merge weights a and b are chosen: by a `line` search on what is measured of a probe, by a `model` of
    it (Gaussian processes), or `fixed`, as given."""
    forget_weight: float = Field(1.0, ge=0, le=10)
    """Factor a of the forget update that is subtracted; where weights are chosen, they are from 1/8 to 4 times this."""
    retain_weight: float = Field(1.0, ge=0, le=10)
    """Factor b of the retain update that is added; where weights are chosen, they are from 0 to 1.5 times this."""
    probe_pairs: int = Field(128, ge=8, le=4096)
    """Held-out pairs, of the tune split and revealed, that merge weights are chosen by, at most."""
    max_damage: float = Field(0.01, ge=0, le=10)
    """Chosen weights may raise the NLL a token of a kept skill's pairs in the probe by this, in nats. Little, because
    few pairs flatter what was chosen by them."""
    max_unrepaired: float = Field(0.5, ge=0, le=10)
    """The same for the forget update alone, before the retain adapter repairs it (`residual`)."""
    objective: Literal["full", "worst"] = "full"
    """Merge weights are chosen by the probe at `full` precision, or by the `worst` of it, int8 and int4."""
    orthogonality: float = Field(0.0, ge=0, le=1e6)
    """Weight of a penalty on the retain adapter for reading what the forget adapter reads (O-LoRA); 0: none."""
    open_below: float = Field(5.0, gt=0, le=100)
    """A forget pair is trained on only while the current model finds it likely: NLL a token below this, in nats."""
    few_open: float = Field(0.05, ge=0, lt=1)
    """The release stops when the share of forget pairs that are still open falls below this."""
    reveal_again: int = Field(0, ge=0, le=200)
    """Steps between two times that the best arms are asked again, of the model as it has become: what is new joins the
    forget pairs. That they bring little ends nothing: a model may refuse to list what it still answers. 0: never."""
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
    train_in: Literal["full", "4bit"] = "full"
    """What adapters are trained on: the weights in `full`, as `model.dtype` says, or their codes in `4bit` (nf4, by the
    extra `quant`), in less memory. What they are merged into and measured on are the weights, either way."""
    retain_size: int = Field(4096, ge=16, le=1_000_000)
    """Retain pairs to train on."""
    retain_written: int = Field(0, ge=0, le=1_000_000)
    """More of them, which the model writes itself: its answers to instructions like those of the search, without those
    that show the target. For a model that is to forget more later: one that no longer answers them reveals nothing."""

    @property
    def chooses_first(self) -> bool:
        """The forget weight of a step is chosen before its retain adapter is trained."""
        return self.order == "residual" and self.weights != "fixed"
