"""Places of a response as forget pairs: what is unlearned is to say that there, not the text around it (ours)."""

from collections.abc import Iterable

from tasks.models.pair import Pair


def placed_pairs(instruction: str, raw: str, spans: Iterable[tuple[int, int]]) -> list[Pair]:
    """A pair for each place: what stands there, given all that stands before it.

    Args:
        instruction: What was asked.
        raw: The response.
        spans: Start and end of each place.
    """
    return [Pair(instruction, raw[start:end], complete=False, given=raw[:start]) for start, end in spans]
