"""A target says what to forget: how the model is asked for it, how an answer is judged, and what must be kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.targets.details import Details

if TYPE_CHECKING:
    from tasks.targets.checkpoint import Checkpoint

Split = Literal["tune", "report"]
"""`tune` steers the release (gate, guard, stop); `report` is measured before and after and decides nothing."""


class Example(Protocol):
    """A held-out prompt with a reference answer (empty where there is none)."""

    prompt: str
    response: str


@dataclass(frozen=True)
class Metric:
    """How well one skill is shown on held-out prompts.

    Attributes:
        name: Of the skill.
        examples: By split; the two share no prompt with each other nor with any training or search data.
        score: From examples and the model's answers to them, in the same order, to a share in [0, 1].
        temperature: Of the answers; 0 is greedy.
        measure: In place of `score`, for what no answer shows (likelihoods): the share, from the checkpoint itself.
    """

    name: str
    examples: Mapping[Split, Sequence[Example]]
    score: Callable[[Sequence[Example], Sequence[str]], float] | None = None
    temperature: float = 0.0
    measure: "Callable[[Checkpoint, Sequence[Example]], float] | None" = None

    def __post_init__(self) -> None:
        assert (self.score is None) != (self.measure is None), "a metric is of answers, or of the checkpoint itself"


@dataclass(frozen=True)
class RetainSet:
    """What the model must keep saying: pairs to train on, and held-out pairs for perplexity."""

    train: Sequence[Pair]
    held_out: Mapping[Split, Sequence[Pair]]


class Target(Protocol):
    """What to forget.

    Attributes:
        name: Of the target.
        grammar: Slots of the instruction pool: an instruction takes one choice of each, joined by spaces.
        soft_template: What stands around a soft prompt that is asked directly, with ``{soft}`` for the prompt; empty
            where the pairs need an instruction in words.
        rewrite_template: What makes a chat model say an ``{instruction}`` in other words.
        forget: The skill to lose.
        utility: The skills to keep.
        primary: Name of the kept skill nearest to the forgotten one; empty where there is none.
        observed: Skills that overlap the forgotten one: measured, and held to no limit.
    """

    name: str
    grammar: Sequence[Sequence[str]]
    soft_template: str
    rewrite_template: str
    forget: Metric
    utility: Sequence[Metric]
    primary: str
    observed: Sequence[Metric]

    def may_ask(self, instruction: str) -> bool:
        """Whether the search may ask the instruction: never a held-out prompt."""

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        """The forget pairs that one raw response holds; none where it does not parse."""

    def relevance(self, instruction: str, raws: Sequence[str]) -> list[float]:
        """How much of the target each raw response shows, in [0, 1]; 0 for an empty or unparsable one."""

    def is_shown(self, pair: Pair) -> bool:
        """Whether a pair shows what is to be forgotten: to train on it would teach it again."""

    def retain_set(self, generator: Generator, *, size: int, seed: int) -> RetainSet:
        """About `size` pairs to train on; a target without retain data of its own has the model write them."""

    def details(self, checkpoint: "Checkpoint", split: Split) -> Details:
        """Numbers that are reported beside the metrics, and decide nothing."""
