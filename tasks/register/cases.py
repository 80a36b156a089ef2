"""A case is what has become of a request: one small file each, so that a night knows what the nights before did."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tasks.register.request import Request
from tasks.settings.errors import UserError
from tasks.store.disk import disk_errors, make_private_folder, write_file
from tasks.store.run import NAME


@dataclass(frozen=True)
class Case:
    """A request and the runs that were made for it.

    Attributes:
        request: As it was when the last run was begun.
        released: Name of the last run whose model went into production; empty: none has.
        open_run: Name of a run that is not settled: begun, or waiting for approval. Empty: there is none.
        base: Digest of the model in production that the open run starts from.
        waits_since: When the open run began to wait for approval, in UTC; empty: it does not wait.
        rejected: Name of the last run that was rejected; empty: none was.
        attempts: Runs in a row that their limits rejected; a person's rejection does not count.
    """

    request: Request
    released: str = ""
    open_run: str = ""
    base: str = ""
    waits_since: str = ""
    rejected: str = ""
    attempts: int = 0

    def begun(self, request: Request, run: str, base: str) -> "Case":
        """With a run that is begun for the request as it is now."""
        return replace(self, request=request, open_run=run, base=base, waits_since="")

    def waiting(self, since: str) -> "Case":
        """With its open run waiting."""
        return replace(self, waits_since=since)

    def settled(self, *, released: str = "", rejected: str = "", counts: bool = False) -> "Case":
        """Without an open run; what is not given stays as it was. `counts`: the rejection is one more attempt."""
        return replace(
            self,
            open_run="",
            base="",
            waits_since="",
            released=released or self.released,
            rejected=rejected or ("" if released else self.rejected),
            attempts=0 if released else self.attempts + counts,
        )


@dataclass(frozen=True)
class Cases:
    """The cases of a register: `<folder>/<id>.json`."""

    folder: Path

    def __iter__(self) -> Iterator[Case]:
        """All cases, by id."""
        if self.folder.is_dir():
            yield from (self._read(path) for path in sorted(self.folder.glob("*.json")))

    def get(self, request: Request) -> Case:
        """The case of a request; a new one where nothing was done for it yet."""
        path = self._path(request)
        return self._read(path) if path.exists() else Case(request)

    def put(self, case: Case) -> Case:
        """Write a case, whole."""
        make_private_folder(self.folder)
        told = asdict(case) | {"request": case.request.model_dump(mode="json")}
        with disk_errors(self.folder):
            write_file(self._path(case.request), json.dumps(told, indent=2) + "\n")
        return case

    def _path(self, request: Request) -> Path:
        assert NAME.fullmatch(request.id)
        return self.folder / f"{request.id}.json"

    def _read(self, path: Path) -> Case:
        try:
            told: dict[str, Any] = json.loads(path.read_bytes())
            # As JSON: days are text in it, which the strict fields take from JSON only.
            request = Request.model_validate_json(json.dumps(told.pop("request")))
            return Case(request=request, **told)
        except (OSError, ValueError, LookupError, TypeError):
            raise UserError(
                f"{path} is damaged: put it back, or remove it to have its request carried out anew"
            ) from None
