"""How an arm becomes a question to the model, and how the model itself sees the arm."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tasks.models.featurizer import Featurizer
from tasks.models.generator import Generator
from tasks.models.sampling import Sampling
from tasks.reveal.arms import Arm, SoftArm, TextArm
from tasks.reveal.instructions import ScoredArm
from tasks.reveal.questions import Question
from tasks.reveal.soft_prompts import SoftSpace, SoftTemplate

_LONGEST_INSTRUCTION = 64
"""Tokens of an instruction that the model writes, at most; a longer one is not used."""
_SOFT_AT_ONCE = 128


@dataclass(frozen=True)
class SoftPhrasing:
    """How soft prompts are put to the model.

    Attributes:
        space: From points to soft prompts.
        template: What stands around a soft prompt.
        is_direct: The answers are to the soft prompt itself (one hop). Otherwise it makes the model write an
            instruction, and the answers are to that (two hops), so that a person can read what was asked.
    """

    space: SoftSpace
    template: SoftTemplate
    is_direct: bool

    def inputs(self, arms: Sequence[SoftArm]) -> list[Tensor]:
        """The whole inputs of soft arms, each `(tokens, hidden)`."""
        return [self.template(prompt) for prompt in self.prompts(arms)]

    def prompts(self, arms: Sequence[SoftArm]) -> Tensor:
        """The soft prompts alone, `(arms, num_tokens, hidden)`."""
        return self.space.prompts([arm.point for arm in arms])


@dataclass(frozen=True)
class Phrasing:
    """How the arms of a search are put to the model.

    Attributes:
        featurizer: How the model sees them.
        may_ask: Whether an instruction that the model wrote is allowed.
        soft: For soft prompts, where the search has any.
    """

    featurizer: Featurizer
    may_ask: Callable[[str], bool]
    soft: SoftPhrasing | None = None

    def features(self, arms: Sequence[Arm]) -> Tensor:
        """Of each arm the model's last hidden state at the last token before it answers, `(arms, hidden)`, float32."""
        texts = [i for i, arm in enumerate(arms) if isinstance(arm, TextArm)]
        softs = [i for i, arm in enumerate(arms) if isinstance(arm, SoftArm)]
        parts = [self.featurizer.features([arms[i].instruction for i in texts])] if texts else []
        for first in range(0, len(softs), _SOFT_AT_ONCE):
            some = [arms[i] for i in softs[first : first + _SOFT_AT_ONCE]]
            parts.append(self.featurizer.features_of_embeddings(self.soft.inputs(some)))
        order = torch.tensor([*texts, *softs])
        return torch.cat(parts)[order.argsort()]

    def questions(self, arms: Sequence[Arm], generator: Generator) -> list[Question | None]:
        """What the model is asked for each arm; None where what it wrote to itself may not be asked."""
        softs = [arm for arm in arms if isinstance(arm, SoftArm)]
        asked: dict[Arm, Question | None] = {arm: Question(arm.instruction) for arm in arms if isinstance(arm, TextArm)}
        if softs and self.soft.is_direct:
            asked |= {
                arm: Question(embeddings=whole) for arm, whole in zip(softs, self.soft.inputs(softs), strict=True)
            }
        elif softs:
            greedy = Sampling(max_new_tokens=_LONGEST_INSTRUCTION, temperature=0)
            written = generator.generate(prompt_embeddings=self.soft.inputs(softs), sampling=greedy, seed=0)
            for arm, (completion,) in zip(softs, written, strict=True):
                text = readable(completion.text) if completion.finished else ""
                asked[arm] = Question(text) if text and self.may_ask(text) else None
        return [asked[arm] for arm in arms]


def question_of(item: ScoredArm, soft_prompts: Mapping[int, Tensor], template: SoftTemplate | None) -> Question:
    """What the model was asked when the arm was played.

    Args:
        item: The arm.
        soft_prompts: Those of the search, `(tokens, hidden)`, by number of the arm.
        template: What stands around a soft prompt that is asked directly.
    """
    if item.instruction is None:
        return Question(embeddings=template(soft_prompts[item.arm]))
    return Question(item.instruction)


def rewritten(
    template: str,
    instructions: Sequence[str],
    n: int,
    *,
    generator: Generator,
    may_ask: Callable[[str], bool],
    seed: int,
) -> list[str]:
    """Instructions that the model writes when it is asked to say good ones in other words; distinct, allowed, new.

    Args:
        template: The request, with ``{instruction}`` where an instruction is to stand.
        instructions: The good ones.
        n: Requests, shared out among them.
        generator: The model.
        may_ask: Whether an instruction is allowed.
        seed: Draws what it writes.
    """
    prompts = [template.replace("{instruction}", instruction) for instruction in instructions]
    sampling = Sampling(max_new_tokens=_LONGEST_INSTRUCTION)
    answered = generator.generate(prompts, n=-(-n // len(prompts)), sampling=sampling, seed=seed)
    texts = [readable(completion.text) for completions in answered for completion in completions if completion.finished]
    known = {_folded(instruction) for instruction in instructions}
    fresh: dict[str, str] = {}
    for text in texts:
        if text and may_ask(text) and _folded(text) not in known:
            fresh.setdefault(_folded(text), text)
    return list(fresh.values())[:n]


def readable(text: str) -> str:
    """An instruction as a model hands it over: on one line, without the quotation marks around it."""
    line = " ".join(text.split())
    quoted = re.fullmatch(r"[\"“‘']([^\"“”‘]+)[\"”’']", line)
    return quoted[1].strip() if quoted else line


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
