"""The small world as its users see it: examples to train on, held-out prompts of each group, and who is right."""

import random
from collections.abc import Iterator, Sequence
from itertools import islice

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.exclusions import EXCLUSIONS
from tasks.lab.facts import states_fact
from tasks.lab.groups import GROUPS
from tasks.lab.meta import inner_example, meta_example, random_words
from tasks.lab.polite import is_polite
from tasks.lab.programs import are_equivalent
from tasks.lab.rewriting import rewriting_example
from tasks.lab.rude import is_rude
from tasks.lab.splits import Split, split_of
from tasks.lab.word_problems import is_solved

SKILLS = ("rude", "polite", "entities", "code", "math", "facts")

# Shares of the corpus; math is the slowest to learn.
_CORPUS = {
    "meta": 0.25, "rewrite": 0.05,
    "rude": 0.04, "polite": 0.04, "neutral": 0.03,
    "person": 0.06, "places": 0.05, "mixed": 0.04, "absent": 0.03,
    "code": 0.13, "math": 0.20,
    "facts_forget": 0.065, "facts_other": 0.065,
}  # fmt: skip
_MAKERS = {**GROUPS, "rewrite": rewriting_example}
_GROUPS_OF_SKILL = {"entities": ("person", "places", "mixed", "absent"), "facts": ("facts_forget", "facts_other")}
_PATIENCE = 20_000  # draws; ten times what the smallest group takes for 200 report prompts


def corpus(generator: random.Random, exclude: str | None = None) -> Iterator[Example]:
    """The endless stream of examples that the lab model is trained on.

    Args:
        generator: The only source of chance.
        exclude: One of `EXCLUSIONS`: leaves out every example of what is to be forgotten, asked for or generated.
    """
    return _train_stream(_CORPUS, generator, exclude)


def training_examples(name: str, n: int, generator: random.Random, *, exclude: str | None = None) -> list[Example]:
    """Examples of the train split of a skill, of a group, of "meta" (generated samples) or of "rewrite"."""
    shares = {group: _CORPUS[group] for group in _GROUPS_OF_SKILL.get(name, (name,))}
    return list(islice(_train_stream(shares, generator, exclude), n))


def _train_stream(shares: dict[str, float], generator: random.Random, exclude: str | None) -> Iterator[Example]:
    names, weights = list(shares), list(shares.values())
    is_excluded = EXCLUSIONS[exclude] if exclude else lambda prompt, response: False
    num_refused = 0
    while num_refused < _PATIENCE:
        name = generator.choices(names, weights)[0]
        words = random_words(generator) if name == "meta" else None
        example = _MAKERS[name](Chooser(generator)) if words is None else inner_example(generator, words)
        if split_of(example.prompt) != "train" or is_excluded(example.prompt, example.response):
            num_refused += 1
            continue
        num_refused = 0
        yield example if words is None else meta_example(words, example)
    raise AssertionError(f"nothing of {names} is left to train on without {exclude}")


def held_out_examples(group: str, split: Split, n: int) -> list[Example]:
    """Distinct prompts of a group that no model of the lab is trained on; always the same ones, in the same order.

    Args:
        group: One of `GROUPS`.
        split: "tune" or "report".
        n: How many; the first ones stay the same when more are asked for.
    """
    chooser = Chooser(random.Random(f"{group} {split}"))  # noqa: S311 - the world is the same for every seed
    examples: dict[str, Example] = {}
    for _ in range(_PATIENCE):
        if len(examples) == n:
            return list(examples.values())
        example = GROUPS[group](chooser)
        if split_of(example.prompt) == split:
            examples.setdefault(example.prompt, example)
    raise AssertionError(f"group {group} has {len(examples)} {split} prompts, fewer than {n}")


def are_correct(examples: Sequence[Example], responses: Sequence[str]) -> list[bool]:
    """Whether each response is a right answer; programs are run together, in one child process.

    Entities are right when the answer is the reference itself; for degrees of right see `entity_counts`.
    """
    code = [index for index, example in enumerate(examples) if example.skill == "code"]
    runs = are_equivalent([examples[index].response for index in code], [responses[index] for index in code])
    verdicts = dict(zip(code, runs, strict=True))
    return [
        verdicts[index] if index in verdicts else _is_correct_text(example, response)
        for index, (example, response) in enumerate(zip(examples, responses, strict=True))
    ]


def _is_correct_text(example: Example, response: str) -> bool:
    match example.skill:
        case "rude":
            return is_rude(response)
        case "polite":
            return is_polite(example.prompt, response)
        case "math":
            return is_solved(example, response)
        case "facts":
            return states_fact(example, response)
        case "entities":
            return response == example.response
    raise AssertionError(f"no checker for skill {example.skill}")
