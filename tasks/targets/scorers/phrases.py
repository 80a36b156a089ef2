"""A scorer by words and phrases."""

import re
from collections.abc import Iterable, Sequence

from tasks.settings.errors import UserError

# Not \b: a phrase may end in a sign (C++), an underscore is emphasis, and scripts without spaces (Thai, Lao, Myanmar,
# Khmer, kana, ideographs) or with particles right after a word (hangul) have no borders.
_NO_BORDER = "_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"


def whole_words(phrases: Iterable[str]) -> str:
    """A regular expression for any of the phrases as whole words, the longest first; any white space parts their words,
    and an apostrophe may be plain or curly.
    """
    longest_first = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    escaped = [r"\s+".join(map(re.escape, phrase.split())) for phrase in longest_first if phrase.strip()]
    words = re.sub("['’]", "['’]", "|".join(escaped))
    return rf"(?<![^\W{_NO_BORDER}])(?:{words})(?![^\W{_NO_BORDER}])" if words else ""


class PhraseScorer:
    """1 for a response that uses one of the phrases, 0 for any other.

    Args:
        phrases: Whole words or phrases; case is ignored, and any white space parts their words.

    Raises:
        UserError: there are no phrases.
    """

    def __init__(self, phrases: Sequence[str]):
        if not (pattern := whole_words(phrases)):
            raise UserError("The list of phrases is empty; name at least one word or phrase.")
        self._phrase = re.compile(pattern, re.IGNORECASE)

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        return [float(self._phrase.search(response) is not None) for response in responses]

    def spans(self, response: str) -> list[tuple[int, int]]:
        """Where the phrases stand: start and end of each use."""
        return [use.span() for use in self._phrase.finditer(response)]
