"""The numbers of one checkpoint on one split."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Scores:
    """What was measured of one checkpoint.

    Attributes:
        forget: Forget metric, share in [0, 1]; lower is more forgotten.
        utility: Kept skills, shares in [0, 1]; higher is better.
        observed: Skills beside the forgotten one that no limit holds for.
        perplexity: On held-out text to keep.
        repetition: Share of 4-grams in the model's answers that repeat an earlier one of the same answer.
        forget_nll: NLL a token, in nats, of the true forget answers; none where the target holds none.
        own_nll: NLL a token of held-out pairs that the model itself revealed; none before the reveal.
        prefill: Forget metric when the first tokens of the true answer are given.
        sampled: Forget metric of answers sampled at temperature 1.
        num: Prompts behind each number, by name.
    """

    forget: float
    utility: Mapping[str, float]
    observed: Mapping[str, float]
    perplexity: float
    repetition: float
    forget_nll: float | None = None
    own_nll: float | None = None
    prefill: float | None = None
    sampled: float | None = None
    num: Mapping[str, int] = field(default_factory=dict)

    def guarded(self) -> dict[str, float]:
        """What limits may be set on: the kept skills by name, and `perplexity`."""
        return {**self.utility, "perplexity": self.perplexity}

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scores":
        """Read back what `to_json` wrote."""
        return cls(**data)
