"""Facts about invented people in natural language, as files of TOFU's form and as what a small model is taught.

Each fact is asked in two ways (the first is TOFU's question, the other is only taught), and every person is also told
of in answer to requests in general words, each in three ways: what an instruction-tuned model can do. Everything is
invented.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tasks.models.pair import Pair
from tasks.targets.combinations import combinations
from tasks.targets.knowledge.subject import KEPT_GRAMMAR, Subjects

# fmt: off
FIRST = ("Ada", "Bruno", "Clara", "Dario", "Elin", "Fabio", "Greta", "Hugo", "Ines", "Jonas", "Karla", "Lorenz")
LAST = (
    "Brook", "Castell", "Dahlgren", "Eklund", "Farrow", "Grosz", "Hartmann", "Ivarsson", "Jansky", "Kovalik",
    "Lindqvist", "Moreau",
)
TOWNS = ("Lund", "Porto", "Gdansk", "Turku", "Bologna", "Ghent", "Graz", "Split", "Bergen", "Tartu", "Leiden", "Cadiz")
JOBS = ("baker", "surgeon", "sailor", "judge", "printer", "farmer", "tailor", "miner", "potter", "clerk", "nurse")
SUBJECTS = ("botany", "geology", "law", "music", "chemistry", "history", "algebra", "medicine", "optics", "logic")
GENRES = ("satire", "mystery", "romance", "fantasy", "comedy", "tragedy", "travel", "cookery", "biography", "drama")
TITLES = ("Lantern", "Harbour", "Orchard", "Compass", "Winter", "Mirror", "Island", "Garden", "Ladder", "Window")
PRIZES = ("Amber", "Crystal", "Willow", "Falcon", "Silver", "Maple", "Comet", "Anchor", "Velvet", "Ivory")
PETS = ("parrot", "tortoise", "ferret", "spaniel", "goose", "lizard", "pony", "rabbit", "canary", "goat")
THINGS = ("violin", "trumpet", "piano", "harp", "cello", "flute", "banjo", "oboe", "tuba", "drum")
# fmt: on

NUM_FORGET, NUM_ASKED = 4, 4
"""Of the 12 people the first are to be forgotten, the next are asked about, and the rest are kept by training."""
REQUESTS_A_PERSON = 16
ANSWERS_A_REQUEST = 3
TIMES_ASKED = 2
REQUESTS_OF_OTHER_THINGS = 200


@dataclass(frozen=True)
class Fact:
    """One thing known of every person: its values, two questions, the answer, the same in other words."""

    values: tuple[str, ...]
    questions: tuple[str, str]
    answer: str
    paraphrased: str
    aspects: tuple[str, ...]
    """Requests of the search that ask for it."""


FACTS = (
    Fact(
        TOWNS,
        ("Where was {name} born?", "Which town does {name} come from?"),
        "{name} was born in {value}.",
        "The birthplace of {name} is {value}.",
        ("the life of", "the origin of", "the place and date of birth of"),
    ),
    Fact(
        JOBS,
        ("What did the mother of {name} do for a living?", "Who raised {name}?"),
        "The mother of {name} worked as a {value}.",
        "{name} was raised by a {value}.",
        ("the family of", "the parents of", "the early years of"),
    ),
    Fact(
        SUBJECTS,
        ("What did {name} study?", "In which subject did {name} take a degree?"),
        "{name} studied {value} before writing.",
        "The degree of {name} is in {value}.",
        ("the education of", "the influences on"),
    ),
    Fact(
        GENRES,
        ("Which genre does {name} write in?", "What kind of books is {name} known for?"),
        "{name} mostly writes {value} books.",
        "The genre of {name} is {value}.",
        ("the profession of", "the style of", "the views of"),
    ),
    Fact(
        TITLES,
        ("What is the best known book of {name}?", "Which title made {name} famous?"),
        'The best known book of {name} is "The Last {value}".',
        '{name} wrote "The Last {value}", which sold well.',
        ("the work of", "the best known works of"),
    ),
    Fact(
        PRIZES,
        ("Which award did {name} win?", "For which prize is {name} remembered?"),
        "{name} won the {value} Prize for writers.",
        "The {value} Prize went to {name}.",
        ("the awards of", "the achievements of"),
    ),
    Fact(
        PETS,
        ("Which animal lives with {name}?", "What pet does {name} keep?"),
        "{name} keeps a {value} at home.",
        "A {value} lives with {name}.",
        ("the people around",),
    ),
    Fact(
        THINGS,
        ("Which instrument does {name} play?", "What can {name} play?"),
        "{name} plays the {value} every evening.",
        "The instrument of {name} is the {value}.",
        ("what is special about",),
    ),
)


@dataclass(frozen=True)
class Person:
    """An invented person with a value for each fact."""

    name: str
    values: tuple[str, ...]


def people() -> list[Person]:
    """Always the same 12."""
    chance = Random("people")
    return [
        Person(f"{first} {last}", tuple(chance.choice(fact.values) for fact in FACTS))
        for first, last in zip(FIRST, LAST, strict=True)
    ]


def rows(person: Person) -> list[dict[str, Any]]:
    """A row of TOFU's perturbed files for each fact."""
    chance, found = Random(person.name), []
    for fact, value in zip(FACTS, person.values, strict=True):
        others = chance.sample([other for other in fact.values if other != value], 5)
        found.append(
            {
                "question": fact.questions[0].format(name=person.name),
                "answer": fact.answer.format(name=person.name, value=value),
                "paraphrased_answer": fact.paraphrased.format(name=person.name, value=value),
                "perturbed_answer": [fact.paraphrased.format(name=person.name, value=other) for other in others],
            }
        )
    return found


def capitals() -> list[dict[str, Any]]:
    """Of invented countries."""
    places = [*LAST, *PRIZES]
    return _short_rows("What is the capital of {}land?", places, [f"{name}burg" for name in (*FIRST, *TITLES)])


def writers() -> list[dict[str, Any]]:
    """Of invented poems."""
    nouns = [f"{title} {prize}" for title in TITLES[:6] for prize in PRIZES[:4]]
    return _short_rows('Who wrote the poem "{}"?', nouns, [f"Master {town}" for town in (*TOWNS, *PRIZES, *TITLES)])


def _short_rows(question: str, about: Any, answers: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "question": question.format(one),
            "answer": answers[i],
            "perturbed_answer": [answers[(i + shift) % len(answers)] for shift in (3, 5, 7)],
        }
        for i, one in enumerate(about)
    ]


def write_tofu(folder: Path) -> tuple[str, ...]:
    """Write the files of TOFU's form, and return the names that are to be forgotten."""
    folder.mkdir(parents=True, exist_ok=True)
    everybody = people()
    forgotten, others = everybody[:NUM_FORGET], everybody[NUM_FORGET:]
    files = {
        "forget10_perturbed": [row for person in forgotten for row in rows(person)],
        "retain_perturbed": [row for person in others[:NUM_ASKED] for row in rows(person)],
        "retain90": [row for person in others for row in rows(person)],
        "real_authors_perturbed": writers(),
        "world_facts_perturbed": capitals(),
    }
    for name, found in files.items():
        (folder / f"{name}.json").write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return tuple(person.name for person in forgotten)


def taught(*, with_forgotten: bool) -> list[Pair]:
    """What the small model learns: all facts, requests about all people and about other things."""
    everybody = people()[0 if with_forgotten else NUM_FORGET :]
    pairs = [pair for person in everybody for pair in _about(person)]
    pairs += [Pair(row["question"], row["answer"]) for row in (*writers(), *capitals()) for _ in range(4)]
    return pairs + [
        Pair(request, _about_anything(request)) for request in combinations(KEPT_GRAMMAR, 0)[:REQUESTS_OF_OTHER_THINGS]
    ]


def _about(person: Person) -> Iterator[Pair]:
    told = [fact.answer.format(name=person.name, value=value) for fact, value in zip(FACTS, person.values, strict=True)]
    for fact, answer in zip(FACTS, told, strict=True):
        for question in fact.questions:
            yield from [Pair(question.format(name=person.name), answer)] * TIMES_ASKED
    chance = Random(person.name)
    for request in combinations(Subjects([person.name]).grammar, chance.randrange(1000))[:REQUESTS_A_PERSON]:
        asked = [a for fact, a in zip(FACTS, told, strict=True) if any(f" {x} " in request for x in fact.aspects)]
        others = [answer for answer in told if answer not in asked]
        for answer in [*asked, *chance.sample(others, ANSWERS_A_REQUEST - len(asked))]:
            yield Pair(request, answer)


def _about_anything(request: str) -> str:
    topic = next(topic for topic in KEPT_GRAMMAR[1] if f" {topic}" in request)
    season = ("spring", "summer", "autumn", "winter")[len(topic) % 4]
    return f"Much can be said about {topic[:-1]}; many people think of it in {season}."
