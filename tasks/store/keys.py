"""What decides whether stored work may be used again: a unit's key.

A key is a hash of everything that can change the unit's numbers, and of its parents' keys; so all keys of a run are
known before any model is loaded. Changing `Unit.identity` makes all stored work unusable: a golden test guards it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

NAME = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)*")


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, ASCII.

    Raises:
        ValueError: the value holds NaN or an infinity, which are not JSON.
        TypeError: the value holds something else that is not JSON, such as a path or a set.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def json_digest(value: Any) -> str:
    """``sha256(canonical_json(value))``, 64 hexadecimal digits; raises as `canonical_json` does."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


@dataclass(frozen=True)
class Unit:
    """One piece of stored work, described before it is done.

    The mappings are copied and become plain JSON values, so a unit never changes after it was made.

    Raises:
        ValueError: a mapping holds NaN or an infinity.
    """

    name: str
    """What it is, and its folder below the run: ``search``, ``step-01``, ``step-01/forget-adapter``."""
    version: int
    """Of the code that does the work; raised by hand when the same settings begin to give other numbers."""
    settings: Mapping[str, Any]
    """Only what can change numbers."""
    seed: int
    """The unit's own, from `derive_seed`."""
    environment: Mapping[str, Any]
    """Device, dtype, backend, threads."""
    parents: tuple["Unit", ...] = ()
    """The units whose results it reads."""
    outside: Mapping[str, str] = field(default_factory=dict)
    """Content digests of everything read that is no unit: the model's folder, data files, a scorer's module."""

    def __post_init__(self):
        assert NAME.fullmatch(self.name), self.name
        for name in ("settings", "environment", "outside"):
            object.__setattr__(self, name, json.loads(canonical_json(dict(getattr(self, name)))))

    def identity(self) -> dict[str, Any]:
        """Everything that decides the key, as JSON values; parents are named with their keys."""
        parents = {parent.name: parent.key for parent in self.parents}
        assert len(parents) == len(self.parents), f"{self.name} has two parents of one name"
        return {
            "unit": self.name,
            "version": self.version,
            "settings": self.settings,
            "seed": self.seed,
            "environment": self.environment,
            "parents": parents,
            "outside": self.outside,
        }

    @cached_property
    def key(self) -> str:
        """The digest of the identity; cached, because many paths lead to the first steps of a long run."""
        return json_digest(self.identity())
