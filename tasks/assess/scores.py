"""The numbers of one checkpoint on one split."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

WRITTEN = "perplexity of what it writes, by the untouched model"
"""Name of the number, among the details, that `Details.written` asks for."""


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
        quantised: `forget`, `utility` and `watched` with rounded weights, by scheme (`int8_row`, `int4_g64`).
        num: Prompts behind each number, by name.
        details: What the target reports beside, on the `report` split: `value`, `better` and `n` of each, by name.
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
    quantised: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    num: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def guarded(self) -> dict[str, float]:
        """What limits may be set on: the kept skills by name, also with rounded weights, and `perplexity`."""
        rounded = {
            f"{skill} at {scheme}": value
            for scheme, scores in self.quantised.items()
            for skill, value in scores["utility"].items()
        }
        return {**self.utility, **rounded, "perplexity": self.perplexity}

    def worst_forget(self) -> float:
        """The highest forget metric over all precisions that were measured."""
        return max([self.forget, *(scores["forget"] for scores in self.quantised.values())])

    def largest_drop(self, before: "Scores") -> float:
        """Of a kept skill since an earlier checkpoint; below 0 where all of them rose, 0 where none is measured."""
        return max((before.utility[skill] - value for skill, value in self.utility.items()), default=0.0)

    def watched(self, name: str) -> dict[str, float]:
        """One of the observed metrics in every precision in which it was measured: `full`, and by scheme."""
        rounded = {scheme: scores["watched"] for scheme, scores in self.quantised.items() if "watched" in scores}
        return {"full": self.observed[name], **{scheme: watched[name] for scheme, watched in rounded.items()}}

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scores":
        """Read back what `to_json` wrote."""
        return cls(**data)
