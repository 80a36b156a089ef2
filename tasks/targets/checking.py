"""A first look at a target: what a model answers to a few of its prompts, judged, and shown without a readable word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tasks.models.sampling import Sampling
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.combinations import combinations
from tasks.targets.target import Target

INSTRUCTIONS = 4
SAMPLES = 2
HELD_OUT = 8
"""Prompts of the `tune` split that the forget metric is taken of."""
SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Judged:
    """A response to an instruction; both masked.

    Attributes:
        relevance: What the target makes of the response, in [0, 1].
        num_pairs: Forget pairs found in it.
    """

    instruction: str
    response: str
    relevance: float
    num_pairs: int


@dataclass(frozen=True)
class FirstLook:
    """What was seen.

    Attributes:
        judged: Responses to a few instructions.
        forget: The forget metric of a few held-out prompts.
        num_held_out: How many.
    """

    judged: list[Judged]
    forget: float
    num_held_out: int


def look_at(target: Target, checkpoint: Checkpoint, *, max_new_tokens: int) -> FirstLook:
    """Ask a model a few of a target's instructions and held-out prompts, and judge what it answers.

    Args:
        target: What is to be forgotten.
        checkpoint: The model.
        max_new_tokens: Tokens of a response, at most.

    Raises:
        UserError: the scorer fails, or a prompt is too long for the model.
    """
    few = {"tune": target.forget.examples["tune"][:HELD_OUT]}
    forget = checkpoint.value(replace(target.forget, examples=few), "tune")
    return FirstLook(list(_judged(target, checkpoint, max_new_tokens)), forget, len(few["tune"]))


def masked(text: str) -> str:
    """The beginning of a text with a dot for each character but white space and plain signs: its shape alone."""
    shown = re.sub(r"[^ !-/:-@\[-`{-~]", "·", " ".join(text.split()))
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[: SHOWN_CHARACTERS - 1] + "…"


def _judged(target: Target, checkpoint: Checkpoint, max_new_tokens: int) -> Iterator[Judged]:
    texts = combinations(target.grammar, checkpoint.seed)
    asked = [text for text in texts if target.may_ask(text)][:INSTRUCTIONS]
    sampling = Sampling(max_new_tokens=max_new_tokens)
    answered = checkpoint.generator.generate(asked, n=SAMPLES, sampling=sampling, seed=checkpoint.seed)
    for instruction, completions in zip(asked, answered, strict=True):
        raws = [completion.text for completion in completions]
        for raw, relevance in zip(raws, target.relevance(instruction, raws), strict=True):
            yield Judged(masked(instruction), masked(raw), relevance, len(target.pairs(instruction, raw)))
