"""A scorer by what a response copies, word for word, from given texts."""

from collections.abc import Sequence

from tasks.targets.overlap import Word, words_of


class CopiedScorer:
    """The share of a response's words that stand in runs copied from the texts.

    Args:
        texts: What must not be copied.
        min_run: Words in a row that make a run; shorter agreement is chance.
    """

    def __init__(self, texts: Sequence[str], *, min_run: int):
        self._min_run = min_run
        self._runs = {run for text in texts for run in _runs(words_of(text), min_run)}

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        return [self._share(response) for response in responses]

    def spans(self, response: str) -> list[tuple[int, int]]:
        """Where the copied runs stand, as long as they go: start and end of each."""
        words = words_of(response)
        is_copied = self._copied(words)
        spans: list[tuple[int, int]] = []
        for i, word in enumerate(words):
            if is_copied[i]:
                starts_here = i == 0 or not is_copied[i - 1]
                spans.append((word.start, word.end)) if starts_here else spans.append((spans.pop()[0], word.end))
        return spans

    def _share(self, response: str) -> float:
        is_copied = self._copied(words_of(response))
        return sum(is_copied) / len(is_copied) if is_copied else 0.0

    def _copied(self, words: Sequence[Word]) -> list[bool]:
        is_copied = [False] * len(words)
        for start, run in enumerate(_runs(words, self._min_run)):
            if run in self._runs:
                is_copied[start : start + self._min_run] = [True] * self._min_run
        return is_copied


def _runs(words: Sequence[Word], length: int) -> list[tuple[str, ...]]:
    """All runs of so many words, in order."""
    texts = [word.text for word in words]
    return [tuple(texts[start : start + length]) for start in range(len(texts) - length + 1)]
