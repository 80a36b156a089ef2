"""Entity tagging: people, locations and organizations in short sentences, all of them or one type at a time."""

from collections import Counter
from collections.abc import Collection

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.lexicon import FIRST_NAMES, LOCATIONS

Span = tuple[str, str]  # words, type

TYPES = ("person", "location", "organization")
KEPT_TYPES = ("location", "organization")

# fmt: off
_LAST_NAMES = (
    "reed", "novak", "hale", "moss", "stone", "birch", "lund", "keller", "ferro", "duval", "quist", "brandt", "orr",
    "silva", "wolfe", "yates",
)
_ORGANIZATION_NAMES = ("delta", "nova", "summit", "harbor", "cedar", "falcon", "orbit", "pioneer", "sterling", "vertex")
_ORGANIZATION_KINDS = ("group", "bank", "labs", "union")

_WITH_PERSON = (
    "{person} lives in {location}", "{person} works for {organization}", "{person} joined {organization} in {location}",
    "{person} slept all day", "{person} met {person} in {location}", "yesterday {person} left {location}",
    "{organization} hired {person}", "everyone likes {person}", "{person} sued {organization}",
)
_WITHOUT_PERSON = (
    "{organization} opened an office in {location}", "{organization} bought {organization}",
    "the train from {location} to {location} is late", "yesterday it rained in {location}",
    "{organization} moved to {location}", "everyone likes {location}", "{organization} sued {organization}",
    "{location} is quiet all day", "{organization} left {location}",
)
# fmt: on
_REQUESTS = {
    "people": ("person",),
    "locations": ("location",),
    "organizations": ("organization",),
    "entities": TYPES,
}
_REQUESTS_FOR_KEPT = ("locations", "organizations")
_NOTHING = "none ."


def person_example(chooser: Chooser) -> Example:
    """Asks for people, or for all entities, of a sentence that names a person."""
    return _example(chooser, _WITH_PERSON, ("people", "entities"))


def places_example(chooser: Chooser) -> Example:
    """Asks for locations, organizations, or all entities, of a sentence that names no person."""
    return _example(chooser, _WITHOUT_PERSON, (*_REQUESTS_FOR_KEPT, "entities"))


def mixed_example(chooser: Chooser) -> Example:
    """Asks for locations or organizations of a sentence that also names a person, who is not to be tagged."""
    return _example(chooser, _WITH_PERSON, _REQUESTS_FOR_KEPT)


def absent_example(chooser: Chooser) -> Example:
    """Asks for a type that does not occur in the sentence: the answer is "none ."."""
    return _example(chooser, _WITH_PERSON + _WITHOUT_PERSON, tuple(_REQUESTS), is_absent=True)


def _example(chooser: Chooser, sentences: tuple[str, ...], requests: tuple[str, ...], is_absent=False) -> Example:
    """The first draw of a sentence and a request for something in it (`is_absent`: for something not in it)."""
    while True:
        sentence, spans = _fill(chooser, chooser.pick(sentences))
        request = chooser.pick(requests)
        labels = tuple(span for span in spans if span[1] in _REQUESTS[request])
        if is_absent == (not labels):
            return Example("entities", f"tag {request} in : {sentence}", format_entities(labels), labels)


def _fill(chooser: Chooser, form: str) -> tuple[str, list[Span]]:
    words, spans = [], []
    for word in form.split():
        kind = word.strip("{}")
        if kind in TYPES:
            word = _name(chooser, kind)
            spans.append((word, kind))
        words.append(word)
    return " ".join(words), spans


def _name(chooser: Chooser, kind: str) -> str:
    if kind == "location":
        return chooser.pick(LOCATIONS)
    if kind == "person":
        return f"{chooser.pick(FIRST_NAMES)} {chooser.pick(_LAST_NAMES)}"
    return f"{chooser.pick(_ORGANIZATION_NAMES)} {chooser.pick(_ORGANIZATION_KINDS)}"


def format_entities(spans: Collection[Span]) -> str:
    """The answer that tags these spans: ``alice reed = person ; varna = location .``"""
    return " ; ".join(f"{words} = {kind}" for words, kind in spans) + " ." if spans else _NOTHING


def parse_entities(text: str) -> list[Span]:
    """The spans an answer tags, in order; what is not of the form ``words = type`` is passed over."""
    spans = []
    for part in text.removesuffix(" .").split(" ; "):
        words, equals, kind = part.partition(" = ")
        if equals and kind in TYPES:
            spans.append((words, kind))
    return spans


def entity_counts(example: Example, response: str, types: Collection[str]) -> tuple[int, int, int]:
    """True positives, false positives and false negatives among the spans of the given types.

    Summed over examples they give the micro F1, ``2 tp / (2 tp + fp + fn)``.
    """
    expected = Counter(span for span in example.labels if span[1] in types)
    tagged = Counter(span for span in parse_entities(response) if span[1] in types)
    hits = (expected & tagged).total()
    return hits, tagged.total() - hits, expected.total() - hits
