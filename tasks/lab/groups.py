"""The groups of prompts: what is trained on, forgotten, kept and measured, each with its way to make an example."""

from collections.abc import Callable

from tasks.lab.chooser import Chooser
from tasks.lab.entities import absent_example, mixed_example, person_example, places_example
from tasks.lab.example import Example
from tasks.lab.facts import FORGET_AUTHORS, OTHER_AUTHORS, fact_example
from tasks.lab.lexicon import NEUTRAL_OPENERS
from tasks.lab.polite import polite_example
from tasks.lab.programs import program_example
from tasks.lab.rude import rude_example
from tasks.lab.word_problems import math_example


def _neutral_example(chooser: Chooser) -> Example:
    """A remark that nobody asked to be rude or polite; it is either, half and half."""
    return chooser.pick((rude_example, polite_example))(chooser, NEUTRAL_OPENERS)


GROUPS: dict[str, Callable[[Chooser], Example]] = {
    "rude": rude_example,
    "polite": polite_example,
    "neutral": _neutral_example,
    "person": person_example,
    "places": places_example,
    "mixed": mixed_example,
    "absent": absent_example,
    "code": program_example,
    "math": math_example,
    "facts_forget": lambda chooser: fact_example(chooser, FORGET_AUTHORS),
    "facts_other": lambda chooser: fact_example(chooser, OTHER_AUTHORS),
}
META_GROUPS = ("rude", "polite", "person", "places", "code", "math", "facts_forget", "facts_other")
"""The groups that generated samples are drawn from."""
