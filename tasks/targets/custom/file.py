"""The YAML file of a custom target: what it may say, in each of four forms. No torch here: a plan reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from tasks.settings.base import Settings
from tasks.settings.errors import UserError
from tasks.settings.yaml_settings import located_settings, read_located
from tasks.store.digests import file_digest
from tasks.targets.hub_file import local_file
from tasks.targets.scorers.spec import ScorerSpec, scorer_digests

Text = Annotated[str, Field(min_length=1, max_length=8000)]


def _slots(value: Any) -> Any:
    """A plain list of texts is one slot."""
    return [value] if isinstance(value, list) and all(isinstance(one, str) for one in value) else value


Slots = Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_slots)]
"""What an instruction is made of: a choice of each list, joined by spaces; or a plain list of instructions."""


class Limits(Settings):
    """What a release must reach and what it may cost; where not given, as the settings of the run say."""

    goal: float | None = Field(None, ge=0, le=1)
    """Forget metric at which the target counts as forgotten."""
    goal_nll: float | None = Field(None, ge=0, le=100)
    """NLL a token, in nats, that held-out revealed pairs must have."""
    max_drop: float | None = Field(None, ge=0, le=1)
    """Allowed drop of every kept skill, absolute."""
    max_perplexity_rise: float | None = Field(None, ge=0, le=10)
    """Allowed rise of the perplexity on kept text, as a share of the original's."""


class TargetFile(Settings):
    """What all forms say."""

    limits: Limits = Limits()
    retain_file: str = ""
    """Text to keep: JSON lines with `prompt` and `response`, or passages of text."""
    retain_prompts: tuple[Text, ...] = ()
    """Without a file: requests whose answers, as the model gives them now, are kept. The form `scored` may go without
    both, and then keeps what the model answers to the instructions without showing the target."""

    form: str
    paths: ClassVar[tuple[str, ...]] = ("retain_file",)
    """The fields that name files."""

    @model_validator(mode="after")
    def _keeps_something(self) -> "TargetFile":
        if self.form != "scored" and not (self.retain_file or self.retain_prompts):
            raise ValueError(f"a target of form {self.form} needs retain_file or retain_prompts")
        return self

    def digests(self) -> dict[str, str]:
        """Contents of the files that are named, by field; nothing is loaded or run.

        Raises:
            UserError: one of them cannot be read.
        """
        return {f"custom_file.{name}": file_digest(getattr(self, name)) for name in self.paths if getattr(self, name)}


class ScoredFile(TargetFile):
    """Responses are judged by a scorer."""

    form: Literal["scored"]
    instructions: Slots
    """What the model is asked, or the openings that a base model continues."""
    scorer: ScorerSpec
    """How much of the target a response shows."""
    threshold: float = Field(0.5, gt=0, le=1)
    """Score from which a response counts as showing it."""
    prompts: tuple[Text, ...] = ()
    """Held-out prompts that the forget metric is measured by."""
    prompts_file: str = ""
    """The same from a file (`.jsonl`, `.csv` or `.json`). Without both: instructions, which are then never asked."""

    paths: ClassVar[tuple[str, ...]] = ("retain_file", "prompts_file")

    @model_validator(mode="after")
    def _has_prompts_once(self) -> "ScoredFile":
        if self.prompts and self.prompts_file:
            raise ValueError("prompts and prompts_file are both given; leave one out")
        return self

    def digests(self) -> dict[str, str]:
        """Those of the scorer's files as well."""
        scorer = {f"custom_file.scorer.{name}": digest for name, digest in scorer_digests(self.scorer).items()}
        return super().digests() | scorer


class CopyrightFile(TargetFile):
    """The model must not continue a text word for word."""

    form: Literal["copyright"]
    text_file: str = Field(min_length=1)
    """The text, UTF-8."""
    request: Text = "{opening}"
    """What is asked: the opening of a passage alone, for a base model, or a request with `{opening}` in it."""
    opening_words: int = Field(12, ge=1, le=1000)
    """Words of a passage that are given."""
    continuation_words: int = Field(30, ge=4, le=1000)
    """Words of a passage that the model must not know how to go on with."""
    min_run: int = Field(5, ge=2, le=100)
    """Words in a row that count as copied; in the search and in the forget pairs, not in the metric."""

    paths: ClassVar[tuple[str, ...]] = ("retain_file", "text_file")

    @model_validator(mode="after")
    def _has_opening(self) -> "CopyrightFile":
        if "{opening}" not in self.request:
            raise ValueError("request has no {opening} in it, so no passage would be asked for")
        return self


class BiasFile(TargetFile):
    """The model must find two words equally likely after each of some subjects."""

    form: Literal["bias"]
    instructions: Slots
    """What makes the model write of the subjects."""
    request: str = ""
    """What a chat model is asked before it goes on with a template; empty for a base model."""
    templates: tuple[Text, ...] = Field(min_length=1)
    """How an answer begins: `The {subject} said that`; one of the words comes next."""
    subjects: tuple[Text, ...] = Field(min_length=1)
    """What stands for `{subject}`: occupations."""
    words: tuple[Text, Text]
    """The two words that are compared: `he`, `she`."""

    @model_validator(mode="after")
    def _has_two_words(self) -> "BiasFile":
        if self.words[0].casefold() == self.words[1].casefold():
            raise ValueError(f"words are {self.words[0]!r} twice; give two that differ")
        return self

    @model_validator(mode="after")
    def _has_subject(self) -> "BiasFile":
        for template in self.templates:
            if "{subject}" not in template:
                raise ValueError(f"template {template!r} has no {{subject}} in it")
        return self


class PromptLeakFile(TargetFile):
    """The model must not give away its system prompt."""

    form: Literal["prompt-leak"]
    system_prompts: tuple[Text, ...] = Field(min_length=1)
    """Texts to keep secret, each of 6 words at least; one stands at the head of every message."""
    attacks: Slots
    """What asks for it, after the system prompt."""


FORMS: Mapping[str, type[TargetFile]] = {
    "scored": ScoredFile,
    "copyright": CopyrightFile,
    "bias": BiasFile,
    "prompt-leak": PromptLeakFile,
}


def read_target_file(path: Path) -> TargetFile:
    """What a target's file says; the paths in it are relative to its folder, or of the hub (`hub:OWNER/NAME:FILE`).

    Raises:
        UserError: it cannot be used; file, line and reason are in the sentence.
    """
    read = read_located(path)
    form = read.value.get("form") if isinstance(read.value, dict) else None
    if not isinstance(form, str) or form not in FORMS:
        line = read.line_of(("form",))
        raise UserError(f"{path.name}, line {line}: form is {_shown(form)}; give one of {', '.join(FORMS)}.")
    file = located_settings(path, read, FORMS[form], what="a target")
    return _resolved(file, path.parent)


def _resolved(file: TargetFile, folder: Path) -> TargetFile:
    given = {name: getattr(file, name) for name in file.paths if getattr(file, name)}
    named: dict[str, Any] = {name: str(folder / local_file(path, name)) for name, path in given.items()}
    if isinstance(file, ScoredFile):
        scorer = {name: str(folder / getattr(file.scorer, name)) for name in ("file", "folder")}
        # A folder may also be a hub id.
        scorer = {name: at for name, at in scorer.items() if getattr(file.scorer, name) and Path(at).exists()}
        named["scorer"] = file.scorer.model_copy(update=scorer)
    return file.model_copy(update=named)


def _shown(value: Any) -> str:
    return "missing" if value is None else repr(value)[:60]
