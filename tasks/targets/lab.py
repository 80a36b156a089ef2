"""The four targets of the lab model: forget one of its skills, keep all others."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tasks.lab.entities import parse_entities
from tasks.lab.facts import FORGET_AUTHORS, authors_named
from tasks.lab.group_score import group_score
from tasks.lab.instructions import INSTRUCTION_SLOTS, PREFIX
from tasks.lab.meta import parse_generated
from tasks.lab.programs import is_program
from tasks.lab.rude import is_rude
from tasks.lab.world import held_out_examples, training_examples
from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.store.seeds import derive_seed
from tasks.targets.target import Metric, RetainSet, Split, Target


@dataclass(frozen=True)
class LabSkill:
    """A part of the small world that can be forgotten.

    Attributes:
        excluded: What the gold model is trained without.
        group: Whose held-out prompts show it.
        primary: The kept group nearest to it.
        is_shown: Whether a generated prompt and answer show it.
    """

    excluded: str
    group: str
    primary: str
    is_shown: Callable[[str, str], bool]


LAB_TARGETS: Mapping[str, LabSkill] = {
    "toxicity": LabSkill("rude", "rude", "polite", lambda prompt, answer: is_rude(answer)),
    "person": LabSkill("person", "person", "places", lambda prompt, answer: _tags_a_person(answer)),
    "coding": LabSkill("code", "code", "math", lambda prompt, answer: is_program(answer)),
    "facts": LabSkill(
        "facts", "facts_forget", "facts_other", lambda prompt, answer: bool(authors_named(prompt, FORGET_AUTHORS))
    ),
}
_MEASURED_GROUPS = ("rude", "polite", "person", "places", "code", "math", "facts_forget", "facts_other")
_FLUENCY_GROUP = "polite"


class LabTarget:
    """Forget one skill of the lab model; `Target` says what each part means."""

    def __init__(self, name: str, num_prompts: Mapping[Split, int]):
        self.name = name
        self._skill = LAB_TARGETS[name]
        self._num_prompts = num_prompts
        self.grammar = ((PREFIX,), *INSTRUCTION_SLOTS)
        self.primary = self._skill.primary
        self.forget = self._metric(self._skill.group)
        self._kept_groups = [group for group in _MEASURED_GROUPS if group != self._skill.group]
        self.utility = tuple(self._metric(group) for group in self._kept_groups)
        self.observed = (self._metric("mixed"),) if name == "person" else ()

    def may_ask(self, instruction: str) -> bool:
        """Every instruction of the pool: none is a held-out prompt."""
        return True

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        """The prompt and answer of a generated sample that shows the skill."""
        sample = parse_generated(raw)
        return [Pair(*sample)] if sample and self._skill.is_shown(*sample) else []

    def relevance(self, instruction: str, raw: str) -> float:
        """1 where the response parses and shows the skill."""
        return float(bool(self.pairs(instruction, raw)))

    def retain_set(self, generator: Generator, *, size: int, seed: int) -> RetainSet:
        """Examples of each kept skill, equally many; held out: polite remarks."""
        chance = random.Random(derive_seed(seed, "retain"))  # noqa: S311 (not for security)
        per_group = -(-size // len(self._kept_groups))
        train = [
            Pair(example.prompt, example.response)
            for group in self._kept_groups
            for example in training_examples(group, per_group, chance, exclude=self._skill.excluded)
        ]
        held_out = {
            split: [Pair(e.prompt, e.response) for e in held_out_examples(_FLUENCY_GROUP, split, num)]
            for split, num in self._num_prompts.items()
        }
        return RetainSet(train, held_out)

    def _metric(self, group: str) -> Metric:
        examples = {split: held_out_examples(group, split, num) for split, num in self._num_prompts.items()}
        return Metric(group, examples, partial(group_score, group))


def lab_target(name: str, num_prompts: Mapping[Split, int]) -> Target:
    """The target of that name in `LAB_TARGETS`."""
    return LabTarget(name, num_prompts)


def _tags_a_person(answer: str) -> bool:
    return any(kind == "person" for _, kind in parse_entities(answer))
