"""What can be forgotten, and how to tell it: a gold model is trained without it, and a search looks for it."""

from collections.abc import Callable

from tasks.lab.entities import parse_entities
from tasks.lab.facts import FORGET_AUTHORS, authors_named
from tasks.lab.programs import is_program
from tasks.lab.rude import is_rude

EXCLUSIONS: dict[str, Callable[[str, str], bool]] = {
    "rude": lambda prompt, response: is_rude(response),
    "person": lambda prompt, response: any(kind == "person" for _, kind in parse_entities(response)),
    "code": lambda prompt, response: is_program(response),
    "facts": lambda prompt, response: bool(authors_named(f"{prompt} {response}", FORGET_AUTHORS)),
}
"""For each thing that can be forgotten, whether a prompt and the response to it show it."""
