"""What an unlearning method is to the comparison: a rule that changes a model's weights, and a few settings to try."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from tasks.models.language_model import LanguageModel
from tasks.models.pair import Pair

Progress = Callable[[float, str], None]
"""Called with the share that is done, in [0, 1], and a few words."""


class Diverged(Exception):  # noqa: N818 - an outcome of a trial, not an error of ours
    """The loss is no longer finite: with these settings the method destroys the model."""


@dataclass(frozen=True)
class Spent:
    """What a method has used.

    Attributes:
        updates: Optimizer updates.
        sequences: Pairs that went forward through a model, those of a reference included.
    """

    updates: int
    sequences: int

    def to_json(self) -> dict[str, int]:
        """As a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Knob:
    """One setting of a method, and the range it is tried in, ends included."""

    name: str
    low: float
    high: float
    scale: Literal["linear", "log"] = "log"
    whole: bool = False
    """Rounded to a whole number."""


class Unlearn(Protocol):
    """Changes the weights of a model so that it forgets; see `Method.unlearn`."""

    def __call__(
        self,
        lm: LanguageModel,
        forget: Sequence[Pair],
        retain: Sequence[Pair],
        knobs: Mapping[str, float],
        *,
        batch_size: int,
        seed: int,
        progress: Progress | None = None,
    ) -> Spent:
        """See `Method.unlearn`."""


@dataclass(frozen=True)
class Method:
    """One published method.

    Attributes:
        name: As settings name it.
        title: As readers know it.
        source: Where it was published.
        knobs: What is chosen by trials, each within the range that it is tried in here.
        unlearn: `(lm, forget, retain, knobs, *, batch_size, seed, progress) -> Spent` changes `lm.model`'s linear
            layers in place and nothing else of it; the global random state is neither read nor changed; raises
            `Diverged`. Pairs of a batch are `batch_size` of each kind that the method reads.
    """

    name: str
    title: str
    source: str
    knobs: tuple[Knob, ...]
    unlearn: Unlearn
