"""What changed between two sets of settings, in words for the person who changed them."""

import json
from collections.abc import Collection, Mapping
from typing import Any

UNSET = "unset"
SHOWN = 80
"""Characters of a value that a message shows."""


def differences(old: Mapping[str, Any], new: Mapping[str, Any], *, ignore: Collection[str] = ()) -> list[str]:
    """One phrase per setting that differs: ``search.rounds was 5, is now 8``.

    Args:
        old: JSON values, nested; lists are compared whole.
        new: Like ``old``.
        ignore: Dotted paths that do not count, each with everything below it.
    """
    before, after = _by_path(old), _by_path(new)
    changed = sorted(
        path
        for path in before.keys() | after.keys()
        if before.get(path, UNSET) != after.get(path, UNSET)
        and not any(path == ignored or path.startswith(f"{ignored}.") for ignored in ignore)
    )
    return [f"{path} was {_shown(before, path)}, is now {_shown(after, path)}" for path in changed]


def _by_path(settings: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Every leaf under its dotted path, as JSON text: 1, 1.0 and true are three values there, and equal in Python."""
    leaves = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            leaves |= _by_path(value, f"{above}{name}.")
        else:
            leaves[f"{above}{name}"] = json.dumps(value, sort_keys=True)
    return leaves


def _shown(leaves: Mapping[str, str], path: str) -> str:
    text = leaves.get(path, UNSET)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
