"""Whether what a model tagged is an entity of the type: told by a list of names, a pattern, or a token classifier."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tasks.settings.errors import UserError
from tasks.targets.entities.entity_type import EntityType
from tasks.targets.entities.generated import TaggedSentence
from tasks.targets.scorers.pattern import PatternScorer

MOST_BYTES = 64 * 2**20
"""Of a list of names."""


class Recogniser(Protocol):
    """Tells entities of one type."""

    def __call__(self, tagged: Sequence[TaggedSentence]) -> list[bool]:
        """Of each sentence whether one of its mentions, at least, is an entity of the type."""


class Gazetteer:
    """By a list: a mention is an entity where it, or one of its words, is in the list; case makes no difference.

    Args:
        names: Whole names, or words of names such as first names.
    """

    def __init__(self, names: Sequence[str]):
        self._names = {_folded(name) for name in names}

    def __call__(self, tagged: Sequence[TaggedSentence]) -> list[bool]:
        """See `Recogniser`."""
        return [any(map(self._has, one.mentions)) for one in tagged]

    def _has(self, mention: str) -> bool:
        return not self._names.isdisjoint([_folded(mention), *map(_folded, mention.split())])


class Pattern:
    """By a regular expression that matches the whole mention.

    Args:
        pattern: As Python's `re` reads it.

    Raises:
        UserError: as `PatternScorer`, also in a call.
    """

    def __init__(self, pattern: str):
        with _setting("target.mention_pattern"):
            self._matches = PatternScorer(rf"\A(?:{pattern})\Z")

    def __call__(self, tagged: Sequence[TaggedSentence]) -> list[bool]:
        """See `Recogniser`."""
        with _setting("target.mention_pattern"):
            return [any(self._matches(one.mentions, one.mentions)) for one in tagged]


def open_recogniser(
    type_: EntityType, *, gazetteer_file: str = "", pattern: str = "", classifier_folder: str = "", device: str = "cpu"
) -> Recogniser:
    """The recogniser that is named; exactly one.

    Args:
        type_: Of the entities.
        gazetteer_file: A name a line.
        pattern: A regular expression.
        classifier_folder: A Hugging Face token classifier.
        device: Where the classifier runs.

    Raises:
        UserError: none or several are named; the file, pattern or model cannot be used.
    """
    named = {
        "target.gazetteer_file": gazetteer_file,
        "target.mention_pattern": pattern,
        "target.classifier_folder": classifier_folder,
    }
    given = [name for name, value in named.items() if value]
    if len(given) != 1:
        raise UserError(
            f"exactly one of {', '.join(named)} tells what is a {type_.key}; given are {' and '.join(given) or 'none'}."
        )
    if gazetteer_file:
        return Gazetteer(_read_names(Path(gazetteer_file)))
    if pattern:
        return Pattern(pattern)
    from tasks.targets.entities.token_classifier import TokenClassifier  # slow to import

    return TokenClassifier(classifier_folder, type_.label, device)


def _read_names(path: Path) -> list[str]:
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise ValueError(f"it has {size} bytes, more than {MOST_BYTES}")
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        if not names:
            raise ValueError("it is empty")
    except (OSError, ValueError) as error:
        raise UserError(f"target.gazetteer_file {str(path)!r} cannot be used ({error}); give a name a line.") from None
    return names


@contextmanager
def _setting(name: str) -> Iterator[None]:
    """Inside the block a refusal names the setting."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{name}: {error}") from None


def _folded(words: str) -> str:
    return " ".join(words.casefold().split())
