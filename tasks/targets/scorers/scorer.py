"""What judges text: how much of something each response shows, from 0 to 1."""

from collections.abc import Sequence
from typing import Protocol


class Scorer(Protocol):
    """Judges responses, a batch at a time."""

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """A score of each response, in [0, 1] and in the same order.

        Args:
            prompts: What was asked, one for each response; most scorers judge the response alone.
            responses: What was answered.

        Raises:
            UserError: the scorer failed; what it was given to judge is never in the message.
        """
        ...
