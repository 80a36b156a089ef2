"""The manifest: the last file written into a unit's folder, and the proof of what the others hold."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tasks.settings.errors import UserError
from tasks.store.digests import file_digest
from tasks.store.keys import Unit, json_digest
from tasks.store.provenance import provenance

MANIFEST = "manifest.json"


def now() -> str:
    """The time in UTC to the microsecond; such texts sort as the times do."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def file_record(path: Path) -> dict[str, Any]:
    """What a manifest says of a file: its size in bytes and its sha256."""
    return {"size": path.stat().st_size, "sha256": file_digest(path)}


def manifest_text(
    folder: Path, names: Iterable[str], *, unit: Unit, scores: dict[str, Any], started: str, cpu_seconds: float
) -> str:
    """The manifest of a finished folder, as JSON.

    Args:
        folder: Where the files are.
        names: The files that are the result, relative to the folder.
        unit: What was done.
        scores: Numbers worth reading without opening the files.
        started: When the work began, from `now`.
        cpu_seconds: Of this process and all its threads, spent on the work; not of child processes.

    Raises:
        ValueError: a score is NaN or infinite.
    """
    manifest = {
        "schema": 1,
        "unit": unit.name,
        "key": unit.key,
        "identity": unit.identity(),
        "files": {name: file_record(folder / name) for name in names},
        "scores": scores,
        "started": started,
        "ended": now(),
        "cpu_seconds": round(cpu_seconds, 3),
        **provenance(),
    }
    return json.dumps(manifest, indent=2, allow_nan=False) + "\n"


def read_manifest(folder: Path) -> dict[str, Any]:
    """A unit's manifest.

    Raises:
        UserError: the manifest is damaged: not one that this store wrote.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        types = {"unit": str, "files": dict, "ended": str}
        intact = manifest["key"] == json_digest(manifest["identity"])
        intact = intact and all(isinstance(manifest[field], kind) for field, kind in types.items())
    except (OSError, ValueError, LookupError, TypeError):
        intact = False
    if not intact:
        raise UserError(f"{path} is damaged or missing: remove the folder {folder} to have it made again")
    return manifest


def verify_files(folder: Path, manifest: dict[str, Any], purged: Mapping[str, str] = MappingProxyType({})) -> None:
    """Check sizes and sha256 of all files that a manifest lists; other units' folders inside are not its matter.

    Args:
        folder: Where the files are.
        manifest: Of the folder.
        purged: Files that were destroyed on purpose, by name, with the sha256 that they had: these need not be there.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    for name, recorded in manifest["files"].items():
        path = folder / name
        if not path.exists() and purged.get(name) == recorded["sha256"]:
            continue
        if not path.is_file():
            raise UserError(f"{path} is missing: remove the folder {folder} to have it made again")
        if recorded != file_record(path):
            raise UserError(
                f"{path} is damaged (its content is not what {MANIFEST} says): "
                f"remove the folder {folder} to have it made again"
            )
