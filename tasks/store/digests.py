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


def folder_digest(path: str | Path) -> str:
    """sha256 over the sorted relative names and digests of all files below a folder, hidden ones left out.

    Raises:
        UserError: there is no folder, or a file in it cannot be read.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(f"{path} is not a folder: an existing folder is needed there")
    total = hashlib.sha256()
    for name in file_names(folder):
        total.update(f"{file_digest(folder / name)}  {name}\n".encode())
    return total.hexdigest()


def file_names(folder: Path) -> list[str]:
    """Relative names (``a/b.json``) of all files below a folder, sorted; hidden files and folders left out."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
