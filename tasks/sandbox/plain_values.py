"""Values that cross from the program to its tests: numbers, text, containers; no object with behaviour.

An answer that equals everything, or raises when compared, cannot be sent. Subclasses arrive as their base class.
"""

from typing import Any

_CONTAINERS: dict[str, type] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def to_json(value: Any) -> Any:
    """What JSON can carry of a plain value; a list stays a list, everything else JSON lacks is ``{kind: content}``.

    Raises:
        TypeError: the value, or one within it, is not plain.
    """
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
    raise TypeError(f"a {type(value).__name__} is not a plain value")


def from_json(carried: Any) -> Any:
    """The plain value of `to_json`.

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
        case [("bytes", str(digits))]:
            return bytes.fromhex(digits)
        case [(str(name), list(items))] if name in _CONTAINERS:
            return _CONTAINERS[name](from_json(item) for item in items)
    raise ValueError("not a plain value")
