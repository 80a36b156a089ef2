"""A run: one folder, one set of settings, and the units made with them."""

import json
import re
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from tasks.settings.errors import UserError
from tasks.store.differences import differences
from tasks.store.disk import disk_errors, make_private_folder, write_file
from tasks.store.folders import UnitRef, UnitWriter, find_unit, write_unit
from tasks.store.keys import Unit, canonical_json
from tasks.store.ledger import SETTINGS, purged_files

NAME = re.compile(r"[a-z0-9-]{1,60}")


@dataclass(frozen=True)
class Run:
    """The folder ``<runs_dir>/<name>`` and what is in it; made by `open` or `peek`."""

    path: Path

    @property
    def name(self) -> str:
        """The run's name, which is its folder's."""
        return self.path.name

    @classmethod
    def open(
        cls,
        runs_dir: Path,
        name: str,
        given: Mapping[str, Any],
        resolved: Mapping[str, Any],
        *,
        defaults: Mapping[str, Any] = MappingProxyType({}),
        ignore: Collection[str] = (),
    ) -> "Run":
        """Begin a run, or return to one that was begun with the same settings.

        A run that is returned to keeps the settings it was begun with, also those in ``ignore``.

        Args:
            runs_dir: The folder of all runs; created when missing.
            name: 1 to 60 of a-z, 0-9 and dashes.
            given: Settings as the user gave them, JSON values; recorded only.
            resolved: All settings with their defaults, JSON values; these must be equal.
            defaults: Of all settings: a run that was begun before a setting was there counts as begun with its default.
            ignore: Dotted paths in ``resolved`` that cannot change numbers and may differ.

        Raises:
            UserError: the name has other characters; the run was begun with other settings, each is named; the folder
                holds something that is no run, or its settings are damaged; or the folder cannot be written.
        """
        run = cls.peek(runs_dir, name, given, resolved, defaults=defaults, ignore=ignore)
        with disk_errors(runs_dir):
            make_private_folder(run.path)
            if not (run.path / SETTINGS).exists():
                settings = {"given": _plain(given), "resolved": _plain(resolved)}
                write_file(run.path / SETTINGS, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
        return run

    @classmethod
    def peek(
        cls,
        runs_dir: Path,
        name: str,
        given: Mapping[str, Any],
        resolved: Mapping[str, Any],
        *,
        defaults: Mapping[str, Any] = MappingProxyType({}),
        ignore: Collection[str] = (),
    ) -> "Run":
        """As `open`, with the same refusals, but nothing is created: for a plan."""
        if not NAME.fullmatch(name):
            raise UserError(f"run name {name!r} cannot be used: it takes 1 to 60 of a-z, 0-9 and dashes")
        path = Path(runs_dir) / name
        if (path / SETTINGS).exists():
            begun = _completed(_recorded(path / SETTINGS), _plain(defaults))
            changes = differences(begun, _plain(resolved), ignore=ignore)
            if changes:
                raise UserError(
                    f"run {name} in {runs_dir} was begun with other settings ({'; '.join(changes)}): "
                    "choose another run name or go back to these settings"
                )
        elif path.exists() and not _is_empty(path):
            raise UserError(f"{path} is not a run (it has no {SETTINGS}): choose another run name")
        return cls(path)

    def folder(self, unit: Unit) -> Path:
        """Where a unit is, or will be."""
        return self.path / unit.name

    def find(self, unit: Unit) -> UnitRef | None:
        """The finished unit, verified, or None; see `find_unit`. Files that were purged on purpose may be missing."""
        return find_unit(self.folder(unit), unit, purged=purged_files(self.path, unit.name))

    def write(self, unit: Unit, *, resume: bool = False) -> AbstractContextManager[UnitWriter]:
        """Make a unit; see `write_unit`."""
        return write_unit(self.folder(unit), unit, resume=resume)


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same as plain JSON values, so that what was read compares equal to what was written."""
    return json.loads(canonical_json(dict(settings)))


def _recorded(path: Path) -> dict[str, Any]:
    try:
        return dict(yaml.safe_load(path.read_bytes())["resolved"])
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: choose another run name, or put the file back") from error


def _completed(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the defaults of those that are missing, group by group."""
    both = {**defaults, **settings}
    for name in settings.keys() & defaults.keys():
        if isinstance(settings[name], Mapping) and isinstance(defaults[name], Mapping):
            both[name] = _completed(settings[name], defaults[name])
    return both


def _is_empty(path: Path) -> bool:
    """Whether a folder holds nothing but hidden files, such as a lock, or settings whose writing was interrupted."""
    return path.is_dir() and all(entry.name.startswith(".") for entry in path.iterdir())
