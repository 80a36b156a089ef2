"""How much one text says another word for word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True)
class Word:
    """A word without its case and with a plain apostrophe, and where it stands."""

    text: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """The words of a text: runs of letters and digits, apostrophes inside them included; signs are none."""
    return [Word(match.group().casefold().replace("’", "'"), *match.span()) for match in _WORD.finditer(text)]


def longest_common_span(reference: str, answer: str) -> int:
    """Words of the longest run that both texts hold, whatever case, signs and white space are."""
    return _longest_run(words_of(reference), words_of(answer))


def span_share(reference: str, answer: str) -> float:
    """The longest common span as a share of the reference's words, in [0, 1]; 0 for a reference without words."""
    words = words_of(reference)
    return _longest_run(words, words_of(answer)) / len(words) if words else 0.0


def rouge_l_recall(reference: str, answer: str) -> float:
    """ROUGE-L recall (Lin 2004): words of the longest common subsequence as a share of the reference's, in [0, 1].

    Without stemming; 0 for a reference without words.
    """
    wanted, found = ([word.text for word in words_of(text)] for text in (reference, answer))
    if not wanted:
        return 0.0
    lengths = [0] * (len(found) + 1)
    for word in wanted:
        before = 0
        for i, other in enumerate(found):
            above = lengths[i + 1]
            lengths[i + 1] = before + 1 if word == other else max(above, lengths[i])
            before = above
    return lengths[-1] / len(wanted)


def _longest_run(reference: Sequence[Word], answer: Sequence[Word]) -> int:
    texts = [word.text for word in reference], [word.text for word in answer]
    return SequenceMatcher(None, *texts, autojunk=False).find_longest_match().size
