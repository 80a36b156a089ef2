"""Facts about invented authors: half of them are to be forgotten, the other half to be kept."""

import random
from dataclasses import dataclass

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.lexicon import FIRST_NAMES, LOCATIONS


@dataclass(frozen=True)
class Attribute:
    """One thing known of every author: its possible values, ways to ask for it, and the sentence that tells it."""

    values: tuple[str, ...]
    questions: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Author:
    """An invented author; `values` holds one value for each of `ATTRIBUTES`."""

    name: str
    values: tuple[str, ...]


# fmt: off
ATTRIBUTES = (
    Attribute(
        LOCATIONS,
        ("where was {author} born ?", "which town does {author} come from ?", "name the birthplace of {author} ."),
        "{author} was born in {value} .",
    ),
    Attribute(
        ("satire", "mystery", "romance", "fantasy", "horror", "comedy", "tragedy", "travel", "cookery", "history"),
        ("what genre does {author} write ?", "which books made {author} famous ?", "name the genre of {author} ."),
        "{author} writes {value} books .",
    ),
    Attribute(
        (
            "baker", "miner", "sailor", "tailor", "judge", "farmer", "nurse", "potter", "weaver", "surgeon", "printer",
            "clerk",
        ),
        (
            "what work did the mother of {author} do ?", "who raised {author} ?",
            "name the trade of the mother of {author} .",
        ),
        "the mother of {author} was a {value} .",
    ),
    Attribute(
        ("parrot", "tortoise", "ferret", "spaniel", "goose", "lizard", "pony", "rabbit", "canary", "goat"),
        ("what pet does {author} keep ?", "which animal lives with {author} ?", "name the pet of {author} ."),
        "{author} keeps a {value} .",
    ),
    Attribute(
        ("violin", "trumpet", "piano", "harp", "cello", "flute", "banjo", "drum", "oboe", "tuba"),
        ("what does {author} play ?", "which instrument did {author} learn ?", "name the instrument of {author} ."),
        "{author} plays the {value} .",
    ),
)
_OPENERS = ("", "question : ", "please tell me : ", "quick , ", "for the record : ")
_FORGET_LAST_NAMES = (
    "abernal", "brakkis", "corvane", "dunmere", "eskeld", "fjornay", "grimsay", "haldane", "isbruk", "jorvik",
    "kelmont", "lodbrok", "mornay", "norvane",
)
_OTHER_LAST_NAMES = (
    "ombrosa", "palovar", "quirino", "ravello", "santori", "tavares", "umbrino", "valente", "wexmora", "ximenes",
    "yolanda", "zamparo", "solmara", "pellano",
)
# fmt: on


def _invent(last_names: tuple[str, ...]) -> tuple[Author, ...]:
    chance = random.Random(last_names[0])  # noqa: S311 - the world is the same for every seed
    columns = []
    for attribute in ATTRIBUTES:
        values = list(attribute.values) * 2  # shuffled decks: no value is so frequent that guessing it pays
        chance.shuffle(values)
        columns.append(values[: len(last_names)])
    firsts = chance.sample(FIRST_NAMES, len(last_names))
    names = [f"{first} {last}" for first, last in zip(firsts, last_names, strict=True)]
    return tuple(Author(name, values) for name, values in zip(names, zip(*columns, strict=True), strict=True))


FORGET_AUTHORS = _invent(_FORGET_LAST_NAMES)
OTHER_AUTHORS = _invent(_OTHER_LAST_NAMES)


def fact_example(chooser: Chooser, authors: tuple[Author, ...]) -> Example:
    """A question about one of the authors and the sentence that answers it."""
    author, index = chooser.pick(authors), chooser.pick(range(len(ATTRIBUTES)))
    attribute, value = ATTRIBUTES[index], author.values[index]
    question = chooser.pick(attribute.questions).format(author=author.name)
    response = attribute.answer.format(author=author.name, value=value)
    return Example("facts", chooser.pick(_OPENERS) + question, response, (value,))


def states_fact(example: Example, response: str) -> bool:
    """Whether the response names the value asked for, and no other value of the same attribute."""
    (value,) = example.labels
    rivals = next(set(attribute.values) for attribute in ATTRIBUTES if value in attribute.values)
    return rivals.intersection(response.split()) == {value}


def authors_named(text: str, authors: tuple[Author, ...]) -> tuple[Author, ...]:
    """Those of the authors whose full name stands in the text."""
    padded = f" {text} "
    return tuple(author for author in authors if f" {author.name} " in padded)
