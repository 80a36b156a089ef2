"""Where a response shows the target, for a scorer that only judges whole texts: asked about ever smaller parts.

Ours: erasing each word in turn (Li, Monroe and Jurafsky 2016, arXiv:1612.08220) asks once a word of a sentence, this
some four times the logarithm of their number.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence

_SENTENCE = re.compile(r"\S.*?(?:[.!?]+[\"'”’)]*(?=\s)|[。！？]+|(?=\n)|$)")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")

Shows = Callable[[Sequence[str]], Sequence[bool]]
Span = tuple[int, int]


def places(text: str, shows: Shows) -> list[Span]:
    """Start and end of each place, in order.

    Sentences that show the target by themselves are halved as long as a half does so by itself, down to a word. Where
    neither half does, it takes words of both: those at the ends without which it still shows are left out.

    Args:
        text: That shows the target; there is no place where it does so only as a whole.
        shows: Whether each of some texts shows the target.
    """
    sentences = [match.span() for match in _SENTENCE.finditer(text)]
    showing = shows([text[start:end] for start, end in sentences])
    found: list[Span] = []
    for (start, end), is_shown in zip(sentences, showing, strict=True):
        if is_shown:
            words = [match.span() for match in _WORD.finditer(text, start, end)]
            found += _within(text, words, shows) or [(start, end)]
    return found


def _within(text: str, words: Sequence[Span], shows: Shows) -> list[Span]:
    """The places among words that show the target together; none where there are no words."""
    if len(words) < 2:
        return list(words)
    middle = len(words) // 2
    halves = words[:middle], words[middle:]
    showing = shows([text[half[0][0] : half[-1][1]] for half in halves])
    if any(showing):
        return [
            place
            for half, is_shown in zip(halves, showing, strict=True)
            if is_shown
            for place in _within(text, half, shows)
        ]

    def shows_without(first: int, last: int) -> bool:
        return shows([text[words[first][0] : words[last][1]]])[0]

    last = bisect_left(range(middle, len(words) - 1), True, key=lambda end: shows_without(0, end)) + middle
    # Negated: it shows from the left end up to some start, and no more from there on.
    first = bisect_left(range(1, middle), True, key=lambda start: not shows_without(start, last))
    return [(words[first][0], words[last][1])]
