"""A scorer by words and phrases."""

import re
from collections.abc import Sequence

from tasks.settings.errors import UserError

# Not \b: a phrase may end in a sign (C++), and scripts without spaces (kana, ideographs, Thai) have no borders.
_SPACELESS = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"


class PhraseScorer:
    """1 for a response that uses one of the phrases, 0 for any other.

    Args:
        phrases: Whole words or phrases; case is ignored, and any white space parts their words.

    Raises:
        UserError: there are no phrases.
    """

    def __init__(self, phrases: Sequence[str]):
        words = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases if phrase.strip())
        if not words:
            raise UserError("The list of phrases is empty; name at least one word or phrase.")
        self._phrase = re.compile(rf"(?<![^\W{_SPACELESS}])(?:{words})(?![^\W{_SPACELESS}])", re.IGNORECASE)

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        return [float(self._phrase.search(response) is not None) for response in responses]

    def spans(self, response: str) -> list[tuple[int, int]]:
        """Where the phrases stand: start and end of each use."""
        return [use.span() for use in self._phrase.finditer(response)]
