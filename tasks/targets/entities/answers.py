"""The entities that an answer lists. What is wanted is ``{"person": ["Ada Reed"]}``; what models write differs."""

import re
from typing import Any

from tasks.targets.entities.entity_type import EntityType
from tasks.targets.entities.loose_json import json_values

_TEXT_KEYS = ("text", "name", "mention", "word", "value", "entity")
_TYPE_KEYS = ("type", "label", "category", "entity_type", "entity_group")
_TAG = re.compile(r"[BIES]-")


def listed_mentions(answer: str, type_: EntityType) -> tuple[str, ...] | None:
    """The entities of a type, as often as they are listed; None where the answer cannot be read.

    Read are an object with a key that names the type (`EntityType.is_named`) or with ``entities``, and a bare list.
    They list texts, or objects with a text and perhaps a type: those of other types are left out. A key that names the
    type goes before ``entities``, and the first value in the answer that has such a form counts.
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
        names = [name for name in value if isinstance(name, str)]
        named = [name for name in names if type_.is_named(name)] + [n for n in names if n.casefold() == "entities"]
        return _texts(value[named[0]], type_) if named else None
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
            text_key = next((key for key in _TEXT_KEYS if key in item), None)
            # Beside a text ``entity`` is its type, as in the output of Hugging Face's pipelines.
            named = next((item[key] for key in (*_TYPE_KEYS, "entity") if key in item and key != text_key), type_.label)
            if not isinstance(named, str) or not type_.is_named(_TAG.sub("", named)):
                continue
            item = item.get(text_key)
        if not isinstance(item, str):
            return None
        if item.strip():
            texts.append(item.strip())
    return tuple(texts)
