"""The register: a folder with one YAML file a request. A bad file is refused by itself; the others hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.register.request import Request
from tasks.settings.errors import UserError
from tasks.settings.yaml_settings import located_settings, read_located
from tasks.store.digests import file_digest
from tasks.store.entries import RequestEntry
from tasks.store.keys import json_digest

MAX_REQUESTS = 10_000


@dataclass(frozen=True)
class Registered:
    """A request and the file that makes it."""

    request: Request
    digest: str
    """sha256 of the file."""


@dataclass(frozen=True)
class Register:
    """What a folder holds.

    Attributes:
        requests: By id, in the order in which they were asked for.
        refused: One sentence a file that cannot be used, by the file's name.
    """

    requests: Mapping[str, Registered]
    refused: Mapping[str, str]

    def digest_of(self, request: Request) -> str:
        """sha256 of the file that makes a request; of the request itself where its file has left the register."""
        registered = self.requests.get(request.id)
        return registered.digest if registered else json_digest(request.model_dump(mode="json"))


def request_entry(request: Request, digest: str) -> RequestEntry:
    """The line of a ledger that says who asked for what, and until when."""
    deadline = str(request.deadline or "")
    return RequestEntry(request=request.id, digest=digest, asked_by=request.asked_by, deadline=deadline)


def read_register(folder: Path, *, check: Callable[[Request], None] = lambda request: None) -> Register:
    """All requests of a folder: `*.yaml`, not below it.

    Args:
        folder: Of the register.
        check: Raises `UserError` for a request that cannot be carried out, such as one with an unknown preset.

    Raises:
        UserError: the folder is missing, or holds more than 10,000 files.
    """
    if not folder.is_dir():
        raise UserError(f"register is '{folder}', which is no folder; give the folder with the requests.")
    files = sorted(path for path in folder.iterdir() if path.suffix == ".yaml" and not path.name.startswith("."))
    if len(files) > MAX_REQUESTS:
        raise UserError(f"register is '{folder}' with {len(files)} requests; give at most {MAX_REQUESTS}.")
    found: dict[str, Registered] = {}
    refused: dict[str, str] = {}
    for path in files:
        try:
            request = read_request(path)
            if request.id in found:
                raise UserError(f"{path.name}: id {request.id!r} is another file's as well; give each its own.")
            _checked(path, request, check)
            found[request.id] = Registered(request, file_digest(path))
        except UserError as error:
            refused[path.name] = str(error)
    in_order = sorted(found.values(), key=lambda one: (one.request.asked_on, one.request.id))
    return Register({one.request.id: one for one in in_order}, refused)


def read_request(path: Path) -> Request:
    """The request of one file.

    Raises:
        UserError: it cannot be used; file, line and reason are in the sentence.
    """
    return located_settings(path, read_located(path), Request, what="a request")


def _checked(path: Path, request: Request, check: Callable[[Request], None]) -> None:
    try:
        check(request)
    except UserError as error:
        raise UserError(f"{path.name}, line 1: {error}") from None
