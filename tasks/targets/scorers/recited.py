"""A scorer by how much of a secret text a response recites in one go."""

from collections.abc import Sequence

from tasks.targets.overlap import span_share, words_of
from tasks.targets.scorers.copied import CopiedScorer


class RecitedScorer:
    """The longest run of a text's words that a response holds, as a share of the text; the highest over the texts.

    Args:
        texts: The secrets.
        min_run: Words in a row that make a place in a response.
    """

    def __init__(self, texts: Sequence[str], *, min_run: int):
        assert all(words_of(text) for text in texts), "a secret without words"
        self._texts = tuple(texts)
        self._copied = CopiedScorer(texts, min_run=min_run)

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        return [max(span_share(text, response) for text in self._texts) for response in responses]

    def spans(self, response: str) -> list[tuple[int, int]]:
        """Where runs of a secret stand."""
        return self._copied.spans(response)
