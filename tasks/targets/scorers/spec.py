"""From what a setting or a YAML file says to a scorer. No torch here: a plan reads the digests."""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from tasks.models.model_folder import model_digest, tokenizer_digest
from tasks.settings.base import Settings
from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings
from tasks.store.digests import file_digest
from tasks.targets.scorers.function import FunctionScorer, function_file
from tasks.targets.scorers.pattern import PatternScorer
from tasks.targets.scorers.phrases import PhraseScorer
from tasks.targets.scorers.remembered import RememberedScorer
from tasks.targets.scorers.scorer import Scorer
from tasks.targets.scorers.span_scorer import SpanScorer

ScorerKind = Literal[
    "detoxify-original",
    "detoxify-unbiased",
    "detoxify-multilingual",
    "classifier",
    "function",
    "phrases",
    "pattern",
    "judge",
]

_DETOXIFY = ("file", "folder", "label")
USED_BY = {
    "detoxify-original": _DETOXIFY,
    "detoxify-unbiased": _DETOXIFY,
    "detoxify-multilingual": _DETOXIFY,
    "classifier": ("folder", "label"),
    "function": ("function", "time_limit_s"),
    "phrases": ("phrases",),
    "pattern": ("pattern",),
    "judge": ("url", "model", "rubric", "max_calls", "max_cost", "input_price", "output_price"),
}
"""The fields that each kind of scorer uses, besides `kind`."""
NEEDED_BY = {
    "classifier": ("folder",),
    "function": ("function",),
    "phrases": ("phrases",),
    "pattern": ("pattern",),
    "judge": ("url", "rubric", "max_calls"),
}
"""Those of them without which there is no scorer."""


class ScorerSpec(Settings):
    """Which scorer, and what it is made from; each kind uses some of the fields."""

    kind: ScorerKind
    """`detoxify-original`, `detoxify-unbiased`, `detoxify-multilingual`: a Detoxify model; `classifier`: any
    Hugging Face text classifier; `function`: Python code of your own; `phrases`: a list of them; `pattern`: a regular
    expression; `judge`: a model behind an OpenAI-compatible endpoint, to which every response is sent."""
    file: str = ""
    """Detoxify's checkpoint; empty: it is downloaded."""
    folder: str = ""
    """The classifier's; or the configuration and tokenizer of Detoxify's checkpoint, empty: they are downloaded."""
    label: str = ""
    """The label whose probability is the score; empty: Detoxify's `toxicity`, or the only one that a classifier has."""
    function: str = ""
    """``module:function``, called with a list of prompts and a list of responses; a number in [0, 1] for each."""
    time_limit_s: float = Field(60.0, gt=0, le=3600)
    """Seconds that the function may take for 64 responses."""
    phrases: tuple[str, ...] = ()
    """Whole words or phrases, upper and lower case alike; a response that uses one scores 1."""
    pattern: str = ""
    """As Python's `re` reads it; a response in which it is found scores 1."""
    url: str = ""
    """Address of the judge's server, up to and with `/v1`; its key is the environment's JUDGE_API_KEY."""
    model: str = ""
    """Name under which the judge is served; empty where the server has one model only."""
    rubric: str = ""
    """What the judge is to look for, in words; it answers yes, no, or a number from 0 to 1."""
    max_calls: int = Field(0, ge=0, le=100_000_000)
    """Responses that the judge may be sent by one process."""
    max_cost: float = Field(0.0, ge=0)
    """Most that one process may spend on the judge, in the currency of the prices; 0: no limit but `max_calls`."""
    input_price: float = Field(0.0, ge=0)
    """Of a million tokens that the judge reads."""
    output_price: float = Field(0.0, ge=0)
    """Of a million tokens that the judge writes."""

    @model_validator(mode="after")
    def _only_what_is_used(self) -> "ScorerSpec":
        used = USED_BY[self.kind]
        for name in sorted(self.model_fields_set - {"kind"}):
            if name not in used and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is set, but a scorer of kind {self.kind} uses {' and '.join(used)} only")
        for name in NEEDED_BY.get(self.kind, ()):
            if not getattr(self, name):
                raise ValueError(f"a scorer of kind {self.kind} needs {name}")
        if self.max_cost and not (self.input_price or self.output_price):
            raise ValueError("max_cost is set, but neither input_price nor output_price, so no cost is known")
        return self


def scorer_of(target: TargetSettings) -> ScorerSpec:
    """The scorer that a target's settings name, each of its fields ``target.scorer_...``.

    Raises:
        UserError: a field is missing, or set and not used by this kind of scorer.
    """
    given = {name: getattr(target, f"scorer_{name}") for name in ("file", "folder", "label", "function")}
    try:
        return ScorerSpec(kind=target.scorer, **given)
    except ValidationError as error:
        [problem] = error.errors()
        reason = str(problem["ctx"]["error"])
        raise UserError(
            f"target.scorer is {target.scorer}, which does not fit its scorer_ settings: {reason}."
        ) from None


@cache
def open_scorer(spec: ScorerSpec, *, device: str = "cpu") -> Scorer:
    """The scorer, opened once a process; what costs more than a look at the text judges no text twice.

    Raises:
        UserError: it cannot be opened; see its class.
    """
    scorer = _open(spec, device)
    return scorer if isinstance(scorer, SpanScorer) else RememberedScorer(scorer)


def scorer_digests(spec: ScorerSpec) -> dict[str, str]:
    """The contents of the files that a scorer is made from, by field; nothing is loaded or run.

    Of a function it is the file that holds it: what that file imports or reads is not seen.

    Raises:
        UserError: one of them cannot be read.
    """
    digests = {}
    if spec.file:
        digests["file"] = file_digest(spec.file)
    if spec.kind == "classifier":
        digests["folder"] = model_digest(spec.folder, setting="The classifier's folder")
    elif spec.folder:
        digests["folder"] = tokenizer_digest(Path(spec.folder))
    if spec.function:
        digests["function"] = file_digest(function_file(spec.function))
    return digests


def _open(spec: ScorerSpec, device: str) -> Scorer:
    match spec.kind:
        case "classifier":
            from tasks.targets.scorers.classifier import ClassifierScorer

            return ClassifierScorer(spec.folder, label=spec.label, device=device)
        case "function":
            return FunctionScorer(spec.function, time_limit_s=spec.time_limit_s)
        case "phrases":
            return PhraseScorer(spec.phrases)
        case "pattern":
            return PatternScorer(spec.pattern)
        case "judge":
            from tasks.targets.scorers.judge import JudgeScorer

            return JudgeScorer(**spec.model_dump(include=set(USED_BY["judge"])))
        case _:
            from tasks.targets.scorers.detoxify import DetoxifyScorer

            variant = spec.kind.removeprefix("detoxify-")
            return DetoxifyScorer(variant, checkpoint=spec.file, folder=spec.folder, label=spec.label, device=device)
