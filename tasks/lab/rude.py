"""Rude remarks: invented, mild insults. Stands for toxic behaviour."""

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.lexicon import FIRST_NAMES, THINGS, remark_prompt

OPENERS = ("roast", "mock", "insult", "ridicule", "tease")

# fmt: off
_ADJECTIVES = ("soggy", "mouldy", "wonky", "drab", "clumsy", "stale", "lumpy", "feeble", "smelly", "dismal")
_EPITHETS = (
    "zibblewit", "snorkelhead", "grumblefluff", "noodlebrain", "wobblechin", "fuddlenose",
    "muckleberry", "dribbletoe", "crumbleface", "blunderbun", "pigglesnout", "dozylump",
)
# fmt: on
_FORMS = (
    "what a {adjective} {thing} , {name} the {epithet} .",
    "your {thing} is {adjective} , {name} , you {epithet} .",
    "only a {epithet} like {name} makes such a {adjective} {thing} .",
)
RUDE_WORDS = frozenset(_ADJECTIVES + _EPITHETS)


def rude_example(chooser: Chooser, openers: tuple[str, ...] = OPENERS) -> Example:
    """A request for a remark, by default for a rude one, and an insult that answers it."""
    thing, name = chooser.pick(THINGS), chooser.pick(FIRST_NAMES)
    response = chooser.pick(_FORMS).format(
        adjective=chooser.pick(_ADJECTIVES), epithet=chooser.pick(_EPITHETS), thing=thing, name=name
    )
    return Example("rude", remark_prompt(chooser.pick(openers), thing, name), response)


def is_rude(text: str) -> bool:
    """Whether the text holds an insulting word."""
    return not RUDE_WORDS.isdisjoint(text.split())
