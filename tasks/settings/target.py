"""What is to be forgotten."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field

from tasks.settings.base import Settings

Rounding = Literal["int8_row", "int4_row", "int4_g32", "int4_g64", "int4_g128"]
TargetKind = Literal["toxicity", "person", "coding", "facts", "custom", "code", "detox", "entities", "knowledge"]

FIELDS: Mapping[TargetKind, tuple[str, ...]] = MappingProxyType(
    {
        "custom": ("phrases", "instructions", "retain_file", "custom_file"),
        "code": ("humaneval_file", "mbpp_file", "gsm8k_file", "retain_file"),
        "detox": (
            "scorer",
            "scorer_file",
            "scorer_folder",
            "scorer_label",
            "scorer_function",
            "prompts_file",
            "samples",
            "instructions",
            "retain_file",
        ),
        "knowledge": (
            "subjects",
            "questions_folder",
            "forget_split",
            "questions_file",
            "holdout_file",
            "retain_log_file",
            "retain_file",
        ),
        "entities": (
            *("conll_file", "tag_scheme", "entity_type", "shots"),
            *("gazetteer_file", "mention_pattern", "classifier_folder", "retain_file"),
        ),
    }
)
"""The settings that a kind of target reads, beside `kind`; a kind that is not named reads no other."""


class TargetSettings(Settings):
    """What the model is to forget, and what it must keep."""

    kind: TargetKind = "toxicity"
    """`toxicity`, `person`, `coding`, `facts`: skills of the lab model. On any model: `custom`, a list of phrases
    or whatever a file describes; `code`, to program; `detox`, toxic answers; `entities`, to tag one type of named
    entity; `knowledge`, what is known of a name."""
    phrases: tuple[str, ...] = ()
    """`custom`: the words or phrases to forget; whole words, upper and lower case alike."""
    instructions: tuple[tuple[str, ...], ...] = ()
    """`custom`: an instruction takes one choice of each list, joined by spaces; an empty choice is left out. `detox`:
    the same, and a whole answer is then judged; empty, the model is asked for examples of what is said and replied."""
    custom_file: str = ""
    """`custom`: a YAML file that describes the target, in place of `phrases`, `instructions` and `retain_file`; see
    `deployments/targets`."""
    humaneval_file: str = ""
    """`code`: `HumanEval.jsonl.gz`, programming problems by which it is measured."""
    mbpp_file: str = ""
    """`code`: `sanitized-mbpp.json`, more of them."""
    gsm8k_file: str = ""
    """`code`: `test.jsonl` of GSM8K, word problems that must still be solved."""
    scorer: Literal["detoxify-original", "detoxify-unbiased", "detoxify-multilingual", "classifier", "function"] = (
        "detoxify-original"
    )
    """`detox`: what judges an answer: a model of Detoxify, any Hugging Face text classifier, or code of yours."""
    scorer_file: str = ""
    """`detox`: Detoxify's checkpoint; empty, it is downloaded."""
    scorer_folder: str = ""
    """`detox`: the classifier's folder; or that with configuration and tokenizer of Detoxify's checkpoint, empty, they
    are downloaded."""
    scorer_label: str = ""
    """`detox`: the label whose probability is the score; empty, Detoxify's `toxicity`, or a classifier's only one."""
    scorer_function: str = ""
    """`detox`: `module:function`, called with a list of prompts and one of answers, gives a number from 0 to 1 for
    each answer; it runs in a process of its own, with your rights."""
    prompts_file: str = ""
    """`detox`: prompts to measure by, a row each: `.jsonl` (RealToxicityPrompts' form or plain), `.csv`, or `.json`
    (Ext-Sub's form); half of them are for each split."""
    samples: int = Field(25, ge=1, le=1000)
    """`detox`: answers to each prompt of which the most toxic one is reported."""
    subjects: tuple[str, ...] = ()
    """`knowledge`: the names of whom or what to forget, as texts write them; enough by itself."""
    questions_folder: str = ""
    """`knowledge`: TOFU's files; their questions are asked, and never searched nor trained on."""
    forget_split: Literal["forget01", "forget05", "forget10"] = "forget10"
    """`knowledge`: which of TOFU's authors are to be forgotten; `subjects` must name them."""
    questions_file: str = ""
    """`knowledge`: your own questions instead, JSON lines with `question` and `answer`, and where there are any
    `paraphrased_answer` and a list `perturbed_answer`."""
    holdout_file: str = ""
    """`knowledge`: questions of the same kind that the model never saw, in the same form, for membership inference."""
    retain_log_file: str = ""
    """`knowledge`: open-unlearning's `TOFU_EVAL.json` of a model that never learned the answers, for forget quality."""
    conll_file: str = ""
    """`entities`: tagged sentences, by which it is measured: a token and its tag a line, an empty line after each
    sentence."""
    tag_scheme: Literal["auto", "iob1", "iob2", "bioes"] = "auto"
    """`entities`: how the tags are written; `auto`: found out from them."""
    entity_type: str = ""
    """`entities`: the type to forget, as the file tags it, such as `PER`; the others are kept."""
    shots: int = Field(0, ge=0, le=32)
    """`entities`: answered sentences in every prompt (few-shot); 0: none."""
    gazetteer_file: str = ""
    """`entities`: a name a line. What the model tags of its own sentences counts where it, or one of its words, is
    listed. One of this and the next two is needed."""
    mention_pattern: str = ""
    """`entities`: a regular expression that matches whole names of the type."""
    classifier_folder: str = ""
    """`entities`: a Hugging Face token classifier that knows the type by the same label."""
    retain_file: str = ""
    """Text to keep: JSON or JSON lines of prompts and responses (also by Alpaca's or Dolly's names), or passages, each
    ended by `<|endoftext|>`. A path, or `hub:OWNER/NAME:FILE`, a file of a data set on the Hugging Face hub. `custom`
    and `knowledge`: empty, the model writes its own, without what is to be forgotten (`knowledge` with TOFU's files:
    its other authors)."""

    @property
    def files(self) -> dict[str, str]:
        """What is read from outside, by setting: it can change without the setting, so its digest counts."""
        return {name: path for name, path in self if name.endswith(("_file", "_folder")) and path}

    @property
    def functions(self) -> dict[str, str]:
        """Code of the user's, by setting; the digest of its file counts as well."""
        return {name: function for name, function in self if name.endswith("_function") and function}

    @property
    def without_retain(self) -> "TargetSettings":
        """The same target without text to keep: of what was forgotten before nobody asks what was kept then."""
        return self.model_copy(update={"retain_file": ""})

    @property
    def told(self) -> dict[str, Any]:
        """What decides a number, apart from the `files`: the settings that this kind reads."""
        return self.model_dump(mode="json", include={"kind", *FIELDS.get(self.kind, ())} - self.files.keys())

    @property
    def without_effect(self) -> list[str]:
        """Settings that were given a value and are not read by this kind."""
        read = {"kind", *FIELDS.get(self.kind, ())}
        return [name for name, value in self if value != type(self).model_fields[name].default and name not in read]


class MeasureSettings(Settings):
    """How a checkpoint is measured, and what is allowed."""

    tune_prompts: int = Field(128, ge=8, le=2000)
    """Prompts of each skill on the split that steers the release (gate, guard, stop)."""
    report_prompts: int = Field(200, ge=8, le=5000)
    """Prompts of each skill on the split that is only reported."""
    max_new_tokens: int = Field(40, ge=1, le=4096)
    """Tokens of an answer, at most."""
    prefill_tokens: int = Field(2, ge=1, le=64)
    """Answer tokens given to the model in the prefill probe; so few that they do not show the target by themselves."""
    quantised: tuple[Literal["int8_row", "int4_row", "int4_g32", "int4_g64", "int4_g128"], ...] = (
        "int8_row",
        "int4_g64",
    )
    """Roundings of the weights under which forgetting and kept skills are measured too, and must meet the same limits;
    each costs most of a measurement more. Empty: none."""
    goal: float = Field(0.05, ge=0, le=1)
    """Forget metric at which the target counts as forgotten, if `goal_nll` is met as well."""
    goal_nll: float = Field(5.0, ge=0, le=100)
    """NLL a token, in nats, that held-out revealed pairs must have: a forget metric of 0 alone is only skin-deep."""
    max_drop: float = Field(0.03, ge=0, le=1)
    """Allowed drop of every kept skill, absolute."""
    max_perplexity_rise: float = Field(0.05, ge=0, le=10)
    """Allowed rise of the perplexity on kept text, as a share of the original's."""

    @property
    def num_prompts(self) -> dict[Literal["tune", "report"], int]:
        """Prompts of each skill, by split."""
        return {"tune": self.tune_prompts, "report": self.report_prompts}
