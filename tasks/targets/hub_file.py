"""Data by the id of a data set on the Hugging Face hub, where a setting names a file: `hub:OWNER/NAME[:FILE]`."""

import re
from pathlib import Path

from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings

HUB = "hub:"
_ID = re.compile(r"hub:(?P<repo>\w[\w.-]*/\w[\w.-]*)(:(?P<file>\w[\w.-]*(/\w[\w.-]*)*))?")
_TEXT = (".json", ".jsonl", ".txt")
"""What is fetched: files that are read as text, and no others."""


def local_files(settings: TargetSettings) -> dict[str, Path]:
    """The files and folders on this machine that a target reads, by setting.

    Raises:
        UserError: as `local_file`.
    """
    return {
        name: local_file(path, f"target.{name}") if name.endswith("_file") else Path(path)
        for name, path in settings.files.items()
    }


def local_file(value: str, setting: str) -> Path:
    """The file on this machine that a setting names; one of the hub is fetched on first use, and kept in its cache.

    Args:
        value: A path, or `hub:OWNER/NAME:FILE`, or `hub:OWNER/NAME` of a data set with a single file of text.
        setting: Its name, for the sentence of a refusal.

    Raises:
        UserError: the id is none, names no file of text, or the hub does not give it.
    """
    if not value.startswith(HUB):
        return Path(value)
    parts = _ID.fullmatch(value)
    if not parts or (parts["file"] and not parts["file"].endswith(_TEXT)):
        raise UserError(
            f"{setting} is {value!r}; give hub:OWNER/NAME:FILE, where FILE ends in {', '.join(_TEXT[:-1])} or "
            f"{_TEXT[-1]}."
        )
    from huggingface_hub import hf_hub_download, snapshot_download  # slow to import, and a path needs none of it

    try:
        if parts["file"]:
            return Path(hf_hub_download(parts["repo"], parts["file"], repo_type="dataset"))
        patterns = [f"*{suffix}" for suffix in _TEXT]
        folder = Path(snapshot_download(parts["repo"], repo_type="dataset", allow_patterns=patterns))
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise UserError(
            f"{setting} is {value!r}, which the Hugging Face hub did not give ({reason}); give a file, or the id of a "
            "data set that can be reached."
        ) from error
    return folder / _only_file(folder, value, setting)


def _only_file(folder: Path, value: str, setting: str) -> str:
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in _TEXT)
    if len(files) != 1:
        names = f" ({', '.join(files[:5])}{', ...' if files[5:] else ''})" if files else ""
        raise UserError(f"{setting} is {value!r}, which has {len(files)} files of text{names}; give {value}:FILE.")
    return files[0]
