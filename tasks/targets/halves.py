"""A benchmark's prompts, half of them for each split."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from tasks.targets.target import Example, Split

SomeExample = TypeVar("SomeExample", bound=Example)


def halves(examples: Sequence[SomeExample]) -> dict[Split, list[SomeExample]]:
    """The prompts of each split, in their order: by a hash of the prompt, so that a longer file moves none."""
    found: dict[Split, list[SomeExample]] = {"tune": [], "report": []}
    for example in examples:
        is_odd = hashlib.sha256(example.prompt.encode()).digest()[0] % 2
        found["report" if is_odd else "tune"].append(example)
    return found
