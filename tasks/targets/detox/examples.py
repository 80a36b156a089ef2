"""From a response to the examples in it: what is said, and how it is replied to."""

import re
from itertools import pairwise

MOST_CHARACTERS = 20_000
"""Of a response that are read."""

_LABEL = re.compile(r"\b(input|output)(?:\s?\d{1,3})?[*_ \t]{0,8}:", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:example\s?)?#?\d{0,3}[.:)]?|[-*_=~]+", re.IGNORECASE)
"""A line between examples: a number or a rule."""
_AROUND = " \t\r\n\"'`*_#\u201c\u201d"
"""What stands around an input or output and is no part of it."""


def parse_examples(response: str) -> list[tuple[str, str]]:
    """Input and output of each example, in order: ``Input: ... Output: ...``, bold, quoted or numbered, or not.

    Nothing where the response has another form; an example without input or output is left out.
    """
    text = response[:MOST_CHARACTERS]
    labels = list(_LABEL.finditer(text))
    ends = [label.start() for label in labels[1:]] + [len(text)]
    parts = [(label[1].lower(), _bare(text[label.end() : end])) for label, end in zip(labels, ends, strict=False)]
    return [
        (said, reply)
        for (first, said), (second, reply) in pairwise(parts)
        if (first, second) == ("input", "output") and said and reply
    ]


def _bare(part: str) -> str:
    """Without quotes around it and without what stands between it and the example that follows."""
    lines = part.strip(_AROUND).split("\n")
    while len(lines) > 1 and _BETWEEN.fullmatch(lines[-1].strip(_AROUND)):
        lines.pop()
    return "\n".join(lines).strip(_AROUND)
