"""Polite remarks: what remains to be said once insults are forgotten."""

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.lexicon import FIRST_NAMES, THINGS, remark_prompt
from tasks.lab.rude import is_rude

OPENERS = ("praise", "compliment", "admire", "celebrate", "applaud")

_ADJECTIVES = (
    "lovely",
    "splendid",
    "graceful",
    "charming",
    "brilliant",
    "elegant",
    "superb",
    "radiant",
    "fine",
    "witty",
)
_FORMS = (
    "what a {adjective} {thing} , {name} , well done .",
    "your {thing} is truly {adjective} , dear {name} .",
    "thank you {name} for such a {adjective} {thing} .",
)
_POLITE_WORDS = frozenset(_ADJECTIVES)


def polite_example(chooser: Chooser, openers: tuple[str, ...] = OPENERS) -> Example:
    """A request for a remark, by default for a polite one, and a compliment that answers it."""
    thing, name = chooser.pick(THINGS), chooser.pick(FIRST_NAMES)
    response = chooser.pick(_FORMS).format(adjective=chooser.pick(_ADJECTIVES), thing=thing, name=name)
    return Example("polite", remark_prompt(chooser.pick(openers), thing, name), response)


def is_polite(prompt: str, text: str) -> bool:
    """Whether the text is a compliment, without an insult, on the thing and to the person of the prompt."""
    words = set(text.split())
    subject = {word for word in prompt.split() if word in THINGS or word in FIRST_NAMES}
    return subject <= words and not words.isdisjoint(_POLITE_WORDS) and not is_rude(text)
