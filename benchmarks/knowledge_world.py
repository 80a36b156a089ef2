"""Facts about invented people in natural language, as files of TOFU's form and as what a small model is taught.

Each fact is asked in two ways: the first is TOFU's question, the other is taught, and is what a user would have as text
to keep. Every person is also told of in answer to requests in general words, as an instruction-tuned model can. Of a
true answer only the value is telling: what the question does not say. Everything is invented.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tasks.models.pair import Pair
from tasks.targets.combinations import combinations
from tasks.targets.knowledge.subject import KEPT_GRAMMAR, Subjects

# fmt: off
FIRST = (
    "Ada", "Bruno", "Clara", "Dario", "Elin", "Fabio", "Greta", "Hugo", "Ines", "Jonas", "Karla", "Lorenz", "Marta",
    "Nils", "Olga", "Pavel",
)
LAST = (
    "Brook", "Castell", "Dahlgren", "Eklund", "Farrow", "Grosz", "Hartmann", "Ivarsson", "Jansky", "Kovalik",
    "Lindqvist", "Moreau", "Nystrom", "Orsini", "Petrov", "Quist",
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

STRANGERS = ("Rosa Rask", "Sven Sommer", "Tilde Toth", "Viktor Urban")
"""Of whom no model is ever told."""
NUM_FORGET, NUM_ASKED = 4, 11
"""Of the 16 people the first are to be forgotten, the next are asked about, and the last is TOFU's text to keep."""
NUM_ASKED_THINGS = 100
"""Poems, and capitals, that are asked about: half of them for each split, so that one is less than a limit of .03."""
REQUESTS_A_PERSON = 32
TIMES_ASKED = 2
REQUESTS_OF_OTHER_THINGS = 100

POEMS = ('Who wrote the poem "{}"?', 'Name the author of the poem "{}".')
CAPITALS = ("What is the capital of {}?", "Which city governs {}?")


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
        ("What did the mother of {name} work as?", "Who raised {name}?"),
        "The mother of {name} worked as a {value}.",
        "{name} was raised by a {value}.",
        ("the family of", "the parents of", "the early years of"),
    ),
    Fact(
        SUBJECTS,
        ("What did {name} study before writing?", "In which subject did {name} take a degree?"),
        "{name} studied {value} before writing.",
        "The degree of {name} is in {value}.",
        ("the education of", "the influences on"),
    ),
    Fact(
        GENRES,
        ("Which books does {name} mostly write?", "What kind of books is {name} known for?"),
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
        ("Which prize for writers has {name} won?", "For which prize is {name} remembered?"),
        "{name} won the {value} Prize for writers.",
        "The {value} Prize went to {name}.",
        ("the awards of", "the achievements of"),
    ),
    Fact(
        PETS,
        ("What does {name} keep at home?", "What pet does {name} keep?"),
        "{name} keeps a {value} at home.",
        "A {value} lives with {name}.",
        ("the people around",),
    ),
    Fact(
        THINGS,
        ("What does {name} play every evening?", "What can {name} play?"),
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
    """Always the same 16."""
    return _invented([f"{first} {last}" for first, last in zip(FIRST, LAST, strict=True)], Random("people"))


def strangers() -> list[Person]:
    """People of the same kind, for membership inference: what a model says of them it has not learned."""
    return _invented(STRANGERS, Random("strangers"))


def _invented(names: Sequence[str], chance: Random) -> list[Person]:
    return [Person(name, tuple(chance.choice(fact.values) for fact in FACTS)) for name in names]


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
    countries = [f"{stem}{end}" for end in ("land", "mark", "stan") for stem in (*LAST, *PRIZES, *TITLES, *TOWNS)]
    return _short_rows(CAPITALS[0], countries, [f"{name}burg" for name in FIRST])


def writers() -> list[dict[str, Any]]:
    """Of invented poems."""
    poems = [f"The {title} of {town}" for title in TITLES for town in TOWNS]
    return _short_rows(POEMS[0], poems, [f"Master {name}" for name in PRIZES])


def _short_rows(question: str, about: Sequence[str], answers: Sequence[str]) -> list[dict[str, Any]]:
    chance, found = Random(question), []
    for one in about:
        answer, *others = chance.sample(answers, 4)
        found.append({"question": question.format(one), "answer": answer, "perturbed_answer": others})
    chance.shuffle(found)
    return found


def in_other_words(row: dict[str, Any]) -> Pair:
    """The question about a poem or a country, as TOFU's files do not ask it."""
    for asked, other in (POEMS, CAPITALS):
        before, after = asked.split("{}")
        if row["question"].startswith(before):
            return Pair(other.format(row["question"].removeprefix(before).removesuffix(after)), row["answer"])
    raise ValueError(row["question"])


def write_tofu(folder: Path) -> tuple[str, ...]:
    """Write the files of TOFU's form, and return the names that are to be forgotten."""
    folder.mkdir(parents=True, exist_ok=True)
    everybody = people()
    forgotten, others = everybody[:NUM_FORGET], everybody[NUM_FORGET:]
    files = {
        "forget10_perturbed": [row for person in forgotten for row in rows(person)],
        "retain_perturbed": [row for person in others[:NUM_ASKED] for row in rows(person)],
        "retain90": [row for person in others for row in rows(person)],
        "real_authors_perturbed": writers()[:NUM_ASKED_THINGS],
        "world_facts_perturbed": capitals()[:NUM_ASKED_THINGS],
    }
    for name, found in files.items():
        _write_rows(folder / f"{name}.json", found)
    return tuple(person.name for person in forgotten)


def write_holdout(path: Path) -> Path:
    """Write questions about the strangers."""
    return _write_rows(path, [row for person in strangers() for row in rows(person)])


def write_retain(path: Path) -> Path:
    """Write what a user has to keep: of the other people, poems and capitals, and not one of the questions asked."""
    pairs = [pair for person in people()[NUM_FORGET:] for pair in (*_questions(person, 1), *_requests(person))]
    pairs += [in_other_words(row) for row in (*writers(), *capitals())]
    others = (*writers()[NUM_ASKED_THINGS:], *capitals()[NUM_ASKED_THINGS:])
    pairs += [Pair(row["question"], row["answer"]) for row in others]
    Random("retain").shuffle(pairs)
    return _write_rows(path, [{"prompt": pair.prompt, "response": pair.response} for pair in pairs])


def _write_rows(path: Path, found: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return path


def taught(*, with_forgotten: bool) -> list[Pair]:
    """What the small model learns: all facts, requests about all people and about other things."""
    pairs = []
    for person in people()[0 if with_forgotten else NUM_FORGET :]:
        pairs += [*_questions(person, 0), *_questions(person, 1)] * TIMES_ASKED + _requests(person)
    for row in (*writers(), *capitals()):
        pairs += [Pair(row["question"], row["answer"]), in_other_words(row)] * TIMES_ASKED
    return pairs + [
        Pair(request, _about_anything(request)) for request in combinations(KEPT_GRAMMAR, 0)[:REQUESTS_OF_OTHER_THINGS]
    ]


def _told(person: Person) -> list[str]:
    return [fact.answer.format(name=person.name, value=value) for fact, value in zip(FACTS, person.values, strict=True)]


def _questions(person: Person, way: int) -> list[Pair]:
    asked = [fact.questions[way].format(name=person.name) for fact in FACTS]
    return [Pair(question, answer) for question, answer in zip(asked, _told(person), strict=True)]


def _requests(person: Person) -> list[Pair]:
    chance, told, pairs = Random(person.name), _told(person), []
    for request in combinations(Subjects([person.name]).grammar, chance.randrange(1000))[:REQUESTS_A_PERSON]:
        asked = [a for fact, a in zip(FACTS, told, strict=True) if any(f" {x} " in request for x in fact.aspects)]
        pairs.append(Pair(request, chance.choice(asked or told)))
    return pairs


def _about_anything(request: str) -> str:
    topic = next(topic for topic in KEPT_GRAMMAR[1] if f" {topic}" in request)
    season = ("spring", "summer", "autumn", "winter")[len(topic) % 4]
    return f"Much can be said about {topic[:-1]}; many people think of it in {season}."
