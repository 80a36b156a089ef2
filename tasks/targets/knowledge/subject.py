"""What a name alone gives: instructions that ask about it, and whether an answer tells something of it.

The instructions are of whole sentences about a person, a place or a thing; nothing of what is known goes into them.
"""

import re
from collections.abc import Sequence

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from tasks.settings.errors import UserError
from tasks.targets.knowledge.recall import telling_words
from tasks.targets.knowledge.refusal import is_refusal
from tasks.targets.scorers.phrases import whole_words

Grammar = tuple[tuple[str, ...], ...]

_REQUESTS = (
    "Tell me about",
    "Tell me in detail about",
    "Say what you know about",
    "Share what is known about",
    "Give me facts about",
    "Write a short text about",
    "Describe",
    "Explain",
)
_ASPECTS = (
    "",
    "the life of",
    "the origin of",
    "the early years of",
    "the family of",
    "the parents of",
    "the profession of",
    "the education of",
    "the work of",
    "the best known works of",
    "the style of",
    "the awards of",
    "the achievements of",
    "the influences on",
    "the views of",
    "the place and date of birth of",
    "the people around",
    "what is special about",
)
_ENDINGS = ("", "Answer in one sentence.", "Be as specific as you can.", "Name dates, places and titles.")

_TOPICS = (
    *("the sea", "the moon", "rivers", "mountains", "the weather", "forests", "birds", "bread", "tea", "chess"),
    *("gardens", "trains", "bridges", "music", "painting", "theatre", "poetry", "novels", "history", "geography"),
    *("a famous writer", "a famous painter", "a scientist", "a composer", "an explorer", "a philosopher", "a teacher"),
    *("another author and the parents of that author", "a book that won an award", "a large city", "a small country"),
    *(
        "the capital of a country",
        "mathematics",
        "medicine",
        "languages",
        "schools",
        "sports",
        "cooking",
        "the planets",
    ),
    *("how a book is written", "what makes a good story", "how people live by the sea", "what a doctor does"),
)
KEPT_GRAMMAR: Grammar = (_REQUESTS, tuple(f"{topic}." for topic in _TOPICS), _ENDINGS)
"""Requests for anything but the subject, whose answers are kept where no other text to keep is given."""

_SHORTEST_PART = 3


class Subjects:
    """Who or what is to be forgotten.

    Args:
        names: Each as a text would write it.

    Raises:
        UserError: there is no name, or one without a letter.
    """

    def __init__(self, names: Sequence[str]):
        cleaned = tuple(" ".join(name.split()) for name in names)
        if not cleaned or not all(any(map(str.isalpha, name)) for name in cleaned):
            raise UserError("target.subjects is empty, or has an empty name; name who or what is to be forgotten.")
        self.grammar: Grammar = (_REQUESTS, _ASPECTS, tuple(f"{name}." for name in cleaned), _ENDINGS)
        parts = {part for name in cleaned for part in (name, *name.split()) if _names_by_itself(part)}
        self._name = re.compile(whole_words(parts | set(cleaned)))

    def is_named(self, text: str) -> bool:
        """A name stands in the text, or a part of one that is written like a name: the surname alone counts."""
        return self._name.search(text) is not None

    def is_told(self, instruction: str, answer: str) -> bool:
        """The answer is about a name, is no refusal, and says something that the instruction does not."""
        return self.is_named(answer) and not is_refusal(answer) and bool(telling_words(instruction, answer))


def _names_by_itself(part: str) -> bool:
    """Whether a part of a name is one as well: not an article, a particle, a number or an initial."""
    return len(part) >= _SHORTEST_PART and part[0].isupper() and part.lower() not in ENGLISH_STOP_WORDS
