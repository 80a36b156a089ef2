"""Which model is in production: one small file, switched as a whole, that remembers the model before.

Readers (a serving process, an auditor) open `production.json` and take the model at `path`: they see the old or the new
one, never a mixture, and the folder of the old one stays where it is.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.models.model_folder import model_digest
from tasks.settings.errors import UserError
from tasks.store.disk import disk_errors, make_private_folder, write_file
from tasks.store.lock import run_lock
from tasks.store.manifests import now

SCHEMA = 1


@dataclass(frozen=True)
class Version:
    """A model that is or was in production."""

    path: str
    """Its folder, absolute."""
    digest: str
    """Of its weights, configuration and tokenizer when it was published; see `model_digest`."""
    version: int
    """Counts the switches of the pointer, from 1."""
    run: str
    """Name of the run that made it; empty for a model from outside."""
    since: str
    """When it was published, in UTC."""


@dataclass(frozen=True)
class Production:
    """What the pointer says.

    Attributes:
        current: The model in production.
        previous: The one before, to go back to; none at first and after a rollback.
        taken_back: The one that a rollback took out of production; none where the last switch was no rollback.
    """

    current: Version
    previous: Version | None = None
    taken_back: Version | None = None


def read_production(file: Path) -> Production:
    """What is in production.

    Raises:
        UserError: there is no pointer, or it is damaged.
    """
    try:
        told = json.loads(file.read_bytes())
        previous, taken_back = told["previous"], told.get("taken_back")
        return Production(
            _version(told), _version(previous) if previous else None, _version(taken_back) if taken_back else None
        )
    except FileNotFoundError:
        raise UserError(
            f"production is '{file}', which does not exist; name the first model with --adopt FOLDER."
        ) from None
    except (OSError, ValueError, LookupError, TypeError):
        raise UserError(f"{file} is damaged: put it back, or name the model with --adopt FOLDER") from None


def publish(file: Path, model: Path, *, run: str = "", replaces: int | None = None) -> Production:
    """Put a model into production: the pointer names it from one moment to the next, and keeps the one before.

    The model that is there already stays the same version: a command that was killed can be repeated.

    Args:
        file: The pointer.
        model: Folder of the model; it is not copied.
        run: That made it; empty for a model from outside.
        replaces: Version that the model was made from; none: whatever is there.

    Raises:
        UserError: the folder holds no usable model; another version has gone into production meanwhile; another process
            is switching the pointer; or it cannot be written.
    """
    folder = model.absolute()
    digest = model_digest(folder)
    with _switching(file):
        before = read_production(file).current if file.exists() else None
        if replaces is not None and (before is None or before.version != replaces):
            raise UserError(
                f"{file} names version {before.version if before else 0} now, and the model of run {run} was made from "
                f"version {replaces}: it would lose what was done since."
            )
        if before and (before.path, before.digest, before.run) == (str(folder), digest, run):
            return read_production(file)
        return _write(file, Production(_next(before, folder, digest, run), previous=before))


def check_rollback(file: Path) -> Version:
    """The version that a rollback would put back.

    Raises:
        UserError: there is none, its folder is gone or holds another model now.
    """
    previous = read_production(file).previous
    if previous is None:
        raise UserError(f"{file} names no previous version; there is nothing to go back to.")
    if model_digest(previous.path) != previous.digest:
        raise UserError(f"{previous.path} does not hold version {previous.version} any more: it was changed since.")
    return previous


def roll_back(file: Path) -> Production:
    """Put the previous model back into production. Repeated, it changes nothing: a rollback never switches forward.

    Raises:
        UserError: as `check_rollback` or `publish`.
    """
    with _switching(file):
        production = read_production(file)
        if production.taken_back:
            return production
        previous = check_rollback(file)
        current = _next(production.current, Path(previous.path), previous.digest, previous.run)
        return _write(file, Production(current, taken_back=production.current))


def _switching(file: Path) -> Any:
    make_private_folder(file.absolute().parent)
    return run_lock(file.absolute().with_name(f".{file.name}.lock"))


def _next(before: Version | None, folder: Path, digest: str, run: str) -> Version:
    return Version(str(folder), digest, before.version + 1 if before else 1, run, now())


def _write(file: Path, production: Production) -> Production:
    told = asdict(production)
    with disk_errors(file.absolute().parent):
        write_file(file, json.dumps({"schema": SCHEMA, **told.pop("current"), **told}, indent=2) + "\n")
    return production


def _version(told: dict[str, Any]) -> Version:
    fields = {name: told[name] for name in Version.__annotations__}
    if not all(isinstance(value, int if name == "version" else str) for name, value in fields.items()):
        raise ValueError("a field has another type")
    return Version(**fields)
