"""Destroy files of a run on purpose, and leave a record that says which they were."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from tasks.settings.errors import UserError
from tasks.store.chain import Chain
from tasks.store.digests import file_digest
from tasks.store.disk import disk_errors, sync_folder
from tasks.store.entries import PurgeEntry
from tasks.store.folders import PARTIAL
from tasks.store.ledger import LEDGER, purged_files, write_ledger
from tasks.store.manifests import MANIFEST, read_manifest

_CHUNK = 2**20
"""Bytes overwritten at once."""


def purge(run_path: Path, patterns: Iterable[str]) -> list[str]:
    """Destroy files of a run that has ended, and all that unfinished attempts have left; return their names.

    The ledger records them, with the digests of what they held, before the first is touched: a purge that was killed is
    found by `verify_ledger`, and ends when it is called again. Manifests stay, and with them every key.

    Each file is overwritten with zeros, and then removed. On flash storage, on file systems that copy on write, and
    where snapshots or backups are made, older blocks may stay all the same.

    Args:
        run_path: Folder of the run; nobody else works in it.
        patterns: Which files of units, as `Path.glob` below the run has them.

    Raises:
        UserError: a file is not what its manifest says, which a purge would hide; the ledger is broken or needs its
            key; or the disk refuses.
    """
    write_ledger(run_path)
    files = sorted({path for pattern in patterns for path in run_path.glob(pattern)})
    partials = sorted(run_path.rglob(f"*{PARTIAL}"))
    left = [path for folder in partials for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    held = {path: _recorded_digest(path) for path in files} | {path: file_digest(path) for path in left}
    names = {path: path.relative_to(run_path).as_posix() for path in held}
    news = {names[path]: digest for path, digest in held.items() if not _is_purged(run_path, path, digest)}
    for path in files:
        # What the ledger calls purged was begun before, and may be half overwritten.
        if names[path] in news and file_digest(path) != news[names[path]]:
            raise UserError(
                f"{path} is not what the {MANIFEST} beside it says, and a purge would hide that: put it back"
            )
    with disk_errors(run_path):
        if news:
            Chain(run_path / LEDGER).append(PurgeEntry(run=run_path.name, purged=news))
        for path in held:
            _destroy(path)
        for folder in partials:
            if folder.exists():  # One may have been inside another.
                shutil.rmtree(folder)
                sync_folder(folder.parent)
    return sorted(names.values())


def _recorded_digest(path: Path) -> str:
    """What a unit's manifest says of a file in it."""
    return read_manifest(path.parent)["files"][path.name]["sha256"]


def _is_purged(run_path: Path, path: Path, digest: str) -> bool:
    """Whether the ledger says already that the file, holding just this, was purged."""
    return purged_files(run_path, path.parent.relative_to(run_path).as_posix()).get(path.name) == digest


def _destroy(path: Path) -> None:
    """Overwrite a file with zeros, on the disk, and remove it."""
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        for start in range(0, size, _CHUNK):
            file.write(bytes(min(_CHUNK, size - start)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)
