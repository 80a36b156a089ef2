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
from tasks.targets.scorers.remembered import RememberedScorer
from tasks.targets.scorers.scorer import Scorer

ScorerKind = Literal["detoxify-original", "detoxify-unbiased", "detoxify-multilingual", "classifier", "function"]

_DETOXIFY = ("file", "folder", "label")
USED_BY = {
    "detoxify-original": _DETOXIFY,
    "detoxify-unbiased": _DETOXIFY,
    "detoxify-multilingual": _DETOXIFY,
    "classifier": ("folder", "label"),
    "function": ("function", "time_limit_s"),
}
"""The fields that each kind of scorer uses, besides `kind`."""


class ScorerSpec(Settings):
    """Which scorer, and what it is made from; each kind uses some of the fields."""

    kind: ScorerKind
    """`detoxify-original`, `detoxify-unbiased`, `detoxify-multilingual`: a Detoxify model; `classifier`: any
    Hugging Face text classifier; `function`: Python code of your own."""
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

    @model_validator(mode="after")
    def _only_what_is_used(self) -> "ScorerSpec":
        used = USED_BY[self.kind]
        for name in sorted(self.model_fields_set - {"kind"}):
            if name not in used and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is set, but a scorer of kind {self.kind} uses {' and '.join(used)} only")
        for name in ("folder",) if self.kind == "classifier" else ("function",) if self.kind == "function" else ():
            if not getattr(self, name):
                raise ValueError(f"a scorer of kind {self.kind} needs {name}")
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
    """The scorer, opened once a process; it judges no text twice.

    Raises:
        UserError: it cannot be opened; see its class.
    """
    return RememberedScorer(_open(spec, device))


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
    if spec.kind == "classifier":
        from tasks.targets.scorers.classifier import ClassifierScorer

        return ClassifierScorer(spec.folder, label=spec.label, device=device)
    if spec.kind == "function":
        return FunctionScorer(spec.function, time_limit_s=spec.time_limit_s)
    from tasks.targets.scorers.detoxify import DetoxifyScorer

    variant = spec.kind.removeprefix("detoxify-")
    return DetoxifyScorer(variant, checkpoint=spec.file, folder=spec.folder, label=spec.label, device=device)
