"""The unit of training data: what is asked, and what is answered."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """One prompt and the response that follows it.

    For a chat model both are bare texts: the chat template is put around them when they become tokens. A model without
    a chat template reads prompt + response as running text, so there the response brings its own leading space.
    """

    prompt: str
    response: str
    complete: bool = True
    """The response ends the turn: in training and in perplexity an end token follows it."""
    given: str = ""
    """How the answer begins before the response: read as the model's own words, and not learned."""
