"""Where a response shows the target, for a scorer that only judges whole texts: asked about parts of it.

A word is to blame if it shows the target by itself, or if the sentence without it does not: representation erasure (Li,
Monroe and Jurafsky 2016, arXiv:1612.08220) on the words of a text.
"""

import re
from collections.abc import Callable, Sequence
from itertools import compress, pairwise

_SENTENCE = re.compile(r"\S.*?(?:[.!?]+[\"'”’)]*(?=\s)|[。！？]+|(?=\n)|$)")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def places(text: str, shows: Callable[[Sequence[str]], Sequence[bool]]) -> list[tuple[int, int]]:
    """Start and end of each place, in order; words that follow each other are one place.

    Of every sentence that shows the target by itself these are the words that do so alone; if none does, those without
    any one of which the sentence would not; if there is none of these either, the whole sentence.

    Args:
        text: That shows the target; there is no place where it does so only as a whole.
        shows: Whether each of some texts shows the target.
    """
    found: list[tuple[int, int]] = []
    sentences = [match.span() for match in _SENTENCE.finditer(text)]
    for (start, end), is_shown in zip(sentences, shows([text[a:b] for a, b in sentences]), strict=True):
        if is_shown:
            words = [match.span() for match in _WORD.finditer(text, start, end)]
            to_blame = list(compress(words, shows([text[a:b] for a, b in words])))
            if not to_blame:
                is_enough = shows([text[start:a] + text[b:end] for a, b in words])
                to_blame = [word for word, enough in zip(words, is_enough, strict=True) if not enough]
            found += _joined(text, to_blame) or [(start, end)]
    return found


def _joined(text: str, words: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Words with nothing but white space between them as one place."""
    if not words:
        return []
    borders = [(a, b) for (_, a), (b, _) in pairwise(words) if text[a:b].strip()]
    starts, ends = [words[0][0], *(b for _, b in borders)], [*(a for a, _ in borders), words[-1][1]]
    return list(zip(starts, ends, strict=True))
