"""A type of entity: how a file tags it, and how a model is asked for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EntityType:
    """A type.

    Attributes:
        label: In the tags of a file, e.g. ``PER``.
        key: In JSON that a model writes, e.g. ``person``.
        plural: In a request, e.g. ``people``.
    """

    label: str
    key: str
    plural: str

    def is_named(self, word: str) -> bool:
        """Whether a word, in a model's JSON, means the type: as key, label or plural, in any case."""
        said = _singular(word)
        return said in (_singular(self.key), _singular(self.label), _singular(self.plural))


_CONLL_2003 = (
    EntityType("PER", "person", "people"),
    EntityType("LOC", "location", "locations"),
    EntityType("ORG", "organization", "organizations"),
    EntityType("MISC", "miscellaneous", "nationalities, events, works and other names"),
)
"""Tjong Kim Sang and De Meulder 2003, arXiv:cs/0306050; wikigold has the same."""


def entity_type(label: str) -> EntityType:
    """The type of a label; the four of CoNLL-2003 in words, any other by its label."""
    for known in _CONLL_2003:
        if known.label == label:
            return known
    word = label.lower().replace("_", "-")
    return EntityType(label, word, f"entities of the type {word}")


def _singular(word: str) -> str:
    return word.strip().casefold().removesuffix("s")
