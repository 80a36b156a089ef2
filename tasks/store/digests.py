"""Content digests: what a file or a folder holds, whatever its name and date."""

import hashlib
from pathlib import Path

from tasks.settings.errors import UserError


def file_digest(path: str | Path) -> str:
    """sha256 of a file's bytes, read in pieces.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): a readable file is needed there") from error


def files_digest(path: Path) -> str:
    """sha256 of a file, or of the names and digests of a folder's files.

    Raises:
        UserError: it cannot be read.
    """
    if not path.is_dir():
        return file_digest(path)
    told = "".join(f"{name} {file_digest(path / name)}\n" for name in file_names(path))
    return hashlib.sha256(told.encode()).hexdigest()


def file_names(folder: Path) -> list[str]:
    """Relative names (``a/b.json``) of all files below a folder, sorted; hidden files and folders left out."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
