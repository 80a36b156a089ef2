"""What a model is asked in the reveal, a tagged sentence of its own making, and what it writes then."""

import json
import re
from dataclasses import dataclass

from tasks.targets.entities.answers import mentions_in
from tasks.targets.entities.entity_type import EntityType
from tasks.targets.entities.loose_json import json_values
from tasks.targets.entities.mention import occurs_in

_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Half a character, as JSON may spell it: text with one can be neither stored nor tokenised."""


@dataclass(frozen=True)
class TaggedSentence:
    """A sentence that a model wrote, and its entities of one type, as the model lists them."""

    sentence: str
    mentions: tuple[str, ...]


def grammar_for(type_: EntityType) -> tuple[tuple[str, ...], ...]:
    """The slots of the instruction pool, in the order of the sentence; 1,960 instructions."""
    return (
        ("Write", "Give me", "Make up", "Invent", "Compose"),
        (
            "a sentence",
            "a short sentence",
            "a long sentence",
            "a sentence from a newspaper",
            "a sentence from an encyclopedia",
            "a sentence from a novel",
            "a sentence from a letter",
        ),
        (
            f"that names {type_.plural}",
            f"that names several {type_.plural}",
            f"with {type_.plural} that are seldom named",
            f"with well-known {type_.plural}",
        ),
        (
            "",
            "about politics",
            "about sport",
            "about music",
            "about science",
            "about film",
            "about business",
            "about travel",
            "about history",
            "about a family",
            "about a court case",
            "about school",
            "about the weather",
            "of your own choice",
        ),
        (form_of(type_),),
    )


def form_of(type_: EntityType) -> str:
    """What an instruction says of the form of the answer."""
    form = json.dumps({"sentence": "...", type_.key: ["...", "..."]})
    return f"and tag it. Answer with JSON alone, in the form {form}."


def tagged_sentences(raw: str, type_: EntityType) -> list[TaggedSentence]:
    """The sentences in a response that are tagged with entities of a type, each of which occurs in its sentence.

    A sentence without any is none; entities that its sentence does not name are left out.
    """
    found = []
    for value in json_values(raw):
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, dict) or not isinstance(item.get("sentence"), str):
                continue
            sentence = " ".join(item["sentence"].split())
            listed = mentions_in(item, type_) or ()
            mentions = tuple(mention for mention in listed if occurs_in(mention, sentence))
            if mentions and not _SURROGATE.search(sentence):
                found.append(TaggedSentence(sentence, mentions))
    return found
