"""One prompt of the small world with a correct answer to it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A prompt and one correct answer; what else would be right, the checker of its skill says.

    Args:
        skill: The skill that the answer shows, one of `world.SKILLS`, or "meta".
        prompt: What the user says, words separated by single spaces.
        response: A correct reference answer.
        labels: What the checker compares with: entity spans with types, or the value asked for.
    """

    skill: str
    prompt: str
    response: str
    labels: tuple = ()
