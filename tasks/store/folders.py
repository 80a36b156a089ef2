"""One unit, one folder: complete with its manifest, or not there at all.

The work is written into ``<folder>.partial``. To publish it, the files are synced, the manifest is written beside them
and the folder is renamed. Where the folder is there already, because other units live in it (``step-01/forget-adapter``
in ``step-01``), the files are moved into it one by one and the manifest last; until then the manifest in the partial
folder names the files that may have been moved, and the next attempt takes them back.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from types import MappingProxyType
from typing import Any

from tasks.settings.errors import UserError
from tasks.store.differences import differences
from tasks.store.digests import file_names
from tasks.store.disk import disk_errors, make_private_folder, sync_file, sync_folder, write_file
from tasks.store.keys import Unit
from tasks.store.manifests import MANIFEST, manifest_text, now, read_manifest, verify_files

PARTIAL = ".partial"
KEY = ".key"


@dataclass(frozen=True)
class UnitRef:
    """A unit that is complete: what crosses a task's boundary instead of tensors and lists."""

    folder: Path
    key: str

    def manifest(self) -> dict[str, Any]:
        """The unit's manifest: key, identity, files, scores, times, versions."""
        return read_manifest(self.folder)


@dataclass
class UnitWriter:
    """What the work sees while its folder is being made."""

    path: Path
    """Where to write. Hidden files in it (``.name``) are scratch, and never part of the result."""
    ref: UnitRef
    """The unit once it is complete: good after the ``with`` block."""
    scores: dict[str, Any] = field(default_factory=dict)
    """Finite numbers worth reading in the manifest."""


def find_unit(folder: Path, unit: Unit, *, purged: Mapping[str, str] = MappingProxyType({})) -> UnitRef | None:
    """The finished unit in a folder, its files verified; None when it still has to be made.

    Args:
        folder: Where the unit is, or will be.
        unit: What is looked for.
        purged: Files of it that were destroyed on purpose, and may be missing; see `verify_files`.

    Raises:
        UserError: the folder was made with other settings, each is named; or a file in it is missing or damaged.
    """
    if not (folder / MANIFEST).exists():
        return None
    manifest = read_manifest(folder)
    if manifest["key"] != unit.key:
        changes = "; ".join(differences(manifest["identity"], unit.identity()))
        raise UserError(f"{folder} was made with other settings ({changes}): choose another run name or remove it")
    verify_files(folder, manifest, purged)
    return UnitRef(folder, unit.key)


@contextmanager
def write_unit(folder: Path, unit: Unit, *, resume: bool = False) -> Iterator[UnitWriter]:
    """Make a unit: the block writes into `UnitWriter.path`, and the folder appears complete when the block ends.

    When the block raises, or the process is killed, nothing appears.

    Args:
        folder: Where the unit will be; `find_unit` has answered None for it.
        unit: What is being done.
        resume: The block writes checkpoints (with `write_file`) and begins at the last: keep what an unfinished attempt
            at the same key has left. Without it every attempt begins with an empty folder.

    Raises:
        UserError: cannot write in the folder.
    """
    partial = folder.with_name(folder.name + PARTIAL)
    assert not (folder / MANIFEST).exists(), f"{folder} is complete already"
    with disk_errors(folder):
        if not (resume and _is_resumable(partial, unit.key)):
            _take_back(partial, folder)
            _remove(partial)
            make_private_folder(partial)
            write_file(partial / KEY, unit.key)
        writer = UnitWriter(partial, UnitRef(folder, unit.key))
        started, began = now(), process_time()
        try:
            yield writer
            names = _seal(partial)
            text = manifest_text(
                partial,
                names,
                unit=unit,
                scores=writer.scores,
                started=started,
                cpu_seconds=process_time() - began,
            )
            write_file(partial / MANIFEST, text)
        except BaseException:
            if not resume:
                _remove(partial)
            raise
        _publish(partial, folder, names)


def verify_folder(unit: UnitRef | Path) -> None:
    """Check that a unit is what its manifest says; needs nothing but the folder.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    folder = unit.folder if isinstance(unit, UnitRef) else unit
    verify_files(folder, read_manifest(folder))


def _is_resumable(partial: Path, key: str) -> bool:
    """Whether the partial folder belongs to this key, and its publication has not begun."""
    key_file = partial / KEY
    return key_file.is_file() and key_file.read_text() == key and not (partial / MANIFEST).exists()


def _take_back(partial: Path, folder: Path) -> None:
    """Remove from the folder the files that an interrupted publication has already moved there."""
    if (partial / MANIFEST).exists():
        for name in read_manifest(partial)["files"]:
            (folder / name).unlink(missing_ok=True)


def _remove(partial: Path) -> None:
    """Remove what an unfinished attempt has left."""
    if partial.exists():
        (partial / KEY).unlink(missing_ok=True)  # First: a half removed folder must not be taken for a resumable one.
        sync_folder(partial)
        shutil.rmtree(partial)


def _seal(partial: Path) -> list[str]:
    """Make the result private and lasting; return the names of its files."""
    assert not (partial / MANIFEST).exists(), "the manifest is the store's to write"
    names = file_names(partial)
    for name in names:
        assert not (partial / name).is_symlink(), f"{name} is a link: a result holds its own bytes"
        (partial / name).chmod(0o600)
        sync_file(partial / name)
    for path in _folders_of(partial, names):
        path.chmod(0o700)
        sync_folder(path)
    return names


def _publish(partial: Path, folder: Path, names: list[str]) -> None:
    """Bring a sealed folder to its place."""
    kept = {*names, MANIFEST}
    for path in sorted(partial.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(partial).as_posix() not in kept:
            path.unlink()
    if not folder.exists():
        partial.rename(folder)
    else:
        for name in names:
            make_private_folder((folder / name).parent)
            (partial / name).replace(folder / name)
        for path in _folders_of(folder, names):
            sync_folder(path)
        (partial / MANIFEST).replace(folder / MANIFEST)
        shutil.rmtree(partial)
        sync_folder(folder)
    sync_folder(folder.parent)


def _folders_of(folder: Path, names: list[str]) -> set[Path]:
    """The folder and those below it that hold the named files."""
    return {above for name in names for above in (folder / name).parents if above.is_relative_to(folder)} | {folder}
