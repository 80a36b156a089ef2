"""The four targets of the lab model: forget one of its skills, keep all others."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tasks.lab.exclusions import EXCLUSIONS
from tasks.lab.group_score import group_score
from tasks.lab.groups import GROUPS
from tasks.lab.instructions import INSTRUCTION_SLOTS, PREFIX
from tasks.lab.meta import parse_generated
from tasks.lab.rewriting import REWRITE
from tasks.lab.splits import split_of
from tasks.lab.world import held_out_examples, training_examples
from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.store.seeds import derive_seed
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.details import NO_DETAILS, Details
from tasks.targets.target import Metric, RetainSet, Split, Target


@dataclass(frozen=True)
class LabSkill:
    """A part of the small world that can be forgotten.

    Attributes:
        excluded: Its name in `EXCLUSIONS`: how to tell it, and what the gold model is trained without.
        group: Whose held-out prompts show it.
        primary: The kept group nearest to it.
    """

    excluded: str
    group: str
    primary: str


LAB_TARGETS: Mapping[str, LabSkill] = {
    "toxicity": LabSkill("rude", "rude", "polite"),
    "person": LabSkill("person", "person", "places"),
    "coding": LabSkill("code", "code", "math"),
    "facts": LabSkill("facts", "facts_forget", "facts_other"),
}
_MEASURED_GROUPS = ("rude", "polite", "person", "places", "code", "math", "facts_forget", "facts_other")
_FLUENCY_GROUP = "polite"
_PARTS_OF_PRIMARY = 4  # Found on development seeds: with equal parts, forgetting authors took the others along.
_MOST_PROMPTS: Mapping[Split, int] = {"tune": 150, "report": 230}
"""What the smallest group has."""


class LabTarget:
    """Forget one skill of the lab model; `Target` says what each part means.

    Raises:
        UserError: more held-out prompts are wanted than a group has.
    """

    def __init__(self, name: str, num_prompts: Mapping[Split, int]):
        for split, most in _MOST_PROMPTS.items():
            if num_prompts[split] > most:
                raise UserError(
                    f"measure.{split}_prompts is {num_prompts[split]}; the lab has at most {most} of each skill."
                )
        self.name = name
        self._skill = LAB_TARGETS[name]
        self._num_prompts = num_prompts
        self.grammar = ((PREFIX,), *INSTRUCTION_SLOTS)
        self.soft_template = f"{PREFIX} {{soft}}"
        self.rewrite_template = f"{REWRITE} {{instruction}}"
        self.primary = self._skill.primary
        self.forget = self._metric(self._skill.group)
        self.utility = tuple(self._metric(group) for group in _MEASURED_GROUPS if group != self._skill.group)
        self.observed = (self._metric("mixed"),) if name == "person" else ()

    def may_ask(self, instruction: str) -> bool:
        """Only what asks for generated samples: no held-out prompt does."""
        return instruction.startswith(f"{PREFIX} ") or instruction == PREFIX

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        """The prompt and answer of a generated sample that shows the skill, unless the prompt is held out."""
        sample = self._shown(raw)
        return [Pair(*sample)] if sample and split_of(sample[0]) == "train" else []

    def relevance(self, instruction: str, raws: Sequence[str]) -> list[float]:
        """1 where the response parses and shows the skill."""
        return [float(self._shown(raw) is not None) for raw in raws]

    def is_shown(self, pair: Pair) -> bool:
        """As the gold model's training data are told from the others; a generated sample, by the pair in it."""
        samples = [(pair.prompt, pair.response), parse_generated(pair.response)]
        return any(EXCLUSIONS[self._skill.excluded](*sample) for sample in samples if sample)

    def retain_set(self, generator: Generator, *, size: int, seed: int) -> RetainSet:
        """Of everything but the skill, most of the one nearest to it, which is hurt first; held out: polite remarks."""
        chance = random.Random(derive_seed(seed, "retain"))  # noqa: S311 (not for security)
        parts = {group: 1 for group in GROUPS if group != self._skill.group} | {self.primary: _PARTS_OF_PRIMARY}
        train = [
            Pair(example.prompt, example.response)
            for group, number in parts.items()
            for example in training_examples(
                group, -(-size * number // sum(parts.values())), chance, exclude=self._skill.excluded
            )
        ]
        held_out = {
            split: [Pair(e.prompt, e.response) for e in held_out_examples(_FLUENCY_GROUP, split, num)]
            for split, num in self._num_prompts.items()
        }
        return RetainSet(train, held_out)

    def details(self, checkpoint: Checkpoint, split: Split) -> Details:
        """None: the metrics say it all."""
        return NO_DETAILS

    def _shown(self, raw: str) -> tuple[str, str] | None:
        """The prompt and answer of a generated sample, where they show the skill."""
        sample = parse_generated(raw)
        return sample if sample and EXCLUSIONS[self._skill.excluded](*sample) else None

    def _metric(self, group: str) -> Metric:
        examples = {split: held_out_examples(group, split, num) for split, num in self._num_prompts.items()}
        return Metric(group, examples, partial(group_score, group))


def lab_target(name: str, num_prompts: Mapping[Split, int]) -> Target:
    """The target of that name in `LAB_TARGETS`."""
    return LabTarget(name, num_prompts)
