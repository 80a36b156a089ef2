"""Values that cross from the program to its tests: numbers, text, containers; no object with behaviour.

An answer that equals everything, or raises when compared, arrives as an `Opaque`. Subclasses arrive as their base.
"""

from typing import Any

_CONTAINERS: dict[str, type] = {"tuple": tuple, "set": set, "frozenset": frozenset}


class Opaque:
    """Stands for an object that is no plain value: it is true or false, and equals nothing but itself."""

    def __init__(self, truth: bool):
        self._truth = truth

    def __bool__(self) -> bool:
        return self._truth


def to_json(value: Any) -> Any:
    """What JSON can carry of a value; a list stays a list, everything else JSON lacks is ``{kind: content}``."""
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[to_json(key), to_json(item)] for key, item in value.items()]}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    for name, kind in _CONTAINERS.items():
        if isinstance(value, kind):
            return {name: [to_json(item) for item in value]}
    return {"opaque": bool(value)}


def from_json(carried: Any) -> Any:
    """The value of `to_json`, plain or opaque.

    Raises:
        ValueError: it is not what `to_json` makes.
        TypeError: a key or a member of a set cannot be hashed.
    """
    if isinstance(carried, list):
        return [from_json(item) for item in carried]
    if not isinstance(carried, dict):
        return carried
    match list(carried.items()):
        case [("dict", list(items))]:
            return {from_json(key): from_json(item) for key, item in items}
        case [("complex", [float(real), float(imaginary)])]:
            return complex(real, imaginary)
        case [("opaque", bool(truth))]:
            return Opaque(truth)
        case [("bytes", str(digits))]:
            return bytes.fromhex(digits)
        case [(str(name), list(items))] if name in _CONTAINERS:
            return _CONTAINERS[name](from_json(item) for item in items)
    raise ValueError("not a plain value")
