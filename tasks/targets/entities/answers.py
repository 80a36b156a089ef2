"""The entities that an answer lists. What is wanted is ``{"person": ["Ada Reed"]}``; what models write differs."""

from typing import Any

from tasks.targets.entities.entity_type import EntityType
from tasks.targets.entities.loose_json import json_values

_TEXT_KEYS = ("text", "name", "mention", "entity", "word", "value")
_TYPE_KEYS = ("type", "label", "category", "entity_type")


def listed_mentions(answer: str, type_: EntityType) -> tuple[str, ...] | None:
    """The entities of a type, as often as they are listed; None where the answer cannot be read.

    Read are an object with a key that names the type (`EntityType.is_named`) or with ``entities``, and a bare list.
    They list texts, or objects with a text and perhaps a type: those of other types are left out. The first value in
    the answer that has such a form counts.
    """
    for value in json_values(answer):
        mentions = mentions_in(value, type_)
        if mentions is not None:
            return mentions
    return None


def lists_type(answer: str, type_: EntityType) -> bool:
    """Whether an answer lists something under a name of the type."""
    return any(
        isinstance(value, dict)
        and any(isinstance(name, str) and type_.is_named(name) for name in value)
        and bool(mentions_in(value, type_))
        for value in json_values(answer)
    )


def mentions_in(value: Any, type_: EntityType) -> tuple[str, ...] | None:
    """As `listed_mentions`, of a JSON value."""
    if isinstance(value, dict):
        if not value:
            return ()
        for name, listed in value.items():
            if isinstance(name, str) and (type_.is_named(name) or name.casefold() == "entities"):
                return _texts(listed, type_)
        return None
    return _texts(value, type_) if isinstance(value, list) else None


def _texts(listed: Any, type_: EntityType) -> tuple[str, ...] | None:
    if listed is None:
        return ()
    if isinstance(listed, str):
        listed = [listed]
    if not isinstance(listed, list):
        return None
    texts = []
    for item in listed:
        if isinstance(item, dict):
            named = next((item[key] for key in _TYPE_KEYS if key in item), type_.label)
            if not isinstance(named, str) or not type_.is_named(named):
                continue
            item = next((item[key] for key in _TEXT_KEYS if key in item), None)
        if not isinstance(item, str):
            return None
        if item.strip():
            texts.append(item.strip())
    return tuple(texts)
