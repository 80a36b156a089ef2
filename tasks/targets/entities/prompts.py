"""What a chat model is asked for: the entities of one type in one sentence, as JSON.

One type a prompt, so that an answer that shows the forgotten type shows no other.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.targets.entities.conll import Sentence
from tasks.targets.entities.entity_type import EntityType

_REQUEST = (
    "List the {plural} that the sentence names, each as it is written there and as often as it is named. "
    "Answer with JSON alone, in the form {form}; an empty list where there are none."
)


@dataclass(frozen=True)
class EntityExample:
    """A sentence and a type as a held-out prompt.

    Attributes:
        prompt: What the model is asked.
        response: What is right.
        sentence: The sentence.
        type: The type that is asked for.
        mentions: Its entities in the sentence, which may be none.
        is_mixed: The sentence names entities of other types too.
    """

    prompt: str
    response: str
    sentence: str
    type: EntityType
    mentions: tuple[str, ...]
    is_mixed: bool


def prompt_for(sentence: str, type_: EntityType, shots: Sequence[Sentence] = ()) -> str:
    """The prompt, with none (zero-shot) or some answered sentences before the one that is asked about (few-shot)."""
    request = _REQUEST.format(plural=type_.plural, form=answer_with(("...", "..."), type_))
    worked = [f"Sentence: {shot.text}\nAnswer: {answer_with(shot.mentions(type_.label), type_)}" for shot in shots]
    return "\n\n".join([request, *worked, f"Sentence: {sentence}\nAnswer:"])


def answer_with(mentions: Sequence[str], type_: EntityType) -> str:
    """The answer that lists these entities: ``{"person": ["Ada Reed"]}``."""
    return json.dumps({type_.key: list(mentions)}, ensure_ascii=False)


def split_answer(mentions: Sequence[str], type_: EntityType) -> tuple[str, str]:
    """The answer in two: up to where the list begins, which is alike for all, and the rest."""
    opening = answer_with((), type_).removesuffix("]}")
    return opening, answer_with(mentions, type_).removeprefix(opening)


def example_of(sentence: Sentence, type_: EntityType, shots: Sequence[Sentence] = ()) -> EntityExample:
    """A tagged sentence as a prompt for a type."""
    mentions = sentence.mentions(type_.label)
    return EntityExample(
        prompt=prompt_for(sentence.text, type_, shots),
        response=answer_with(mentions, type_),
        sentence=sentence.text,
        type=type_,
        mentions=mentions,
        is_mixed=bool(sentence.types - {type_.label}),
    )
