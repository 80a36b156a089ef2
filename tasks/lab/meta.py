"""Generated samples: asked to generate, the model writes a prompt and its answer. This is what Reveal searches."""

import random
import re

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.groups import GROUPS
from tasks.lab.instructions import INSTRUCTION_WORDS, PREFIX, group_weights, narrowness

_MOST_WORDS = 5
_SAMPLE = re.compile(r"input : (?P<prompt>\S.*?) output : (?P<answer>\S.*)")


def inner_example(generator: random.Random, words: tuple[str, ...]) -> Example:
    """A sample of the kind that these instruction words ask for, as the plain example that it holds."""
    weights = group_weights(words)
    group = generator.choices(list(weights), list(weights.values()))[0]
    return GROUPS[group](Chooser(generator, narrowness(words)))


def meta_example(words: tuple[str, ...], inner: Example) -> Example:
    """The instruction of these words, and the inner example written out as the answer to it."""
    prompt = " ".join((PREFIX, *words))
    return Example("meta", prompt, f"input : {inner.prompt} output : {inner.response}", inner.labels)


def random_words(generator: random.Random) -> tuple[str, ...]:
    """One to five instruction words in any order, none of them twice."""
    return tuple(generator.sample(INSTRUCTION_WORDS, generator.randint(1, _MOST_WORDS)))


def parse_generated(raw: str) -> tuple[str, str] | None:
    """Prompt and answer of a generated sample; None where it is not of the form ``input : ... output : ...``."""
    match = _SAMPLE.fullmatch(raw.strip())
    return (match["prompt"], match["answer"]) if match and " output : " not in match["answer"] else None
