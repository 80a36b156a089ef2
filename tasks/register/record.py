"""The record of nights: what each did as a unit of its own, and a ledger over all of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.register.night import Report
from tasks.register.production import Version, read_production
from tasks.register.register import Register, request_entry
from tasks.store.chain import Chain
from tasks.store.digests import file_digest
from tasks.store.disk import write_file
from tasks.store.entries import Entry, PublicationEntry, VerdictEntry
from tasks.store.folders import write_unit
from tasks.store.keys import Unit
from tasks.store.ledger import LEDGER, write_ledger
from tasks.store.manifests import MANIFEST, now

NIGHT = "night.json"
SCHEMA = 1

EXIT_CODES = {"failed": 1, "refused": 2, "rejected": 3, "waiting": 4}
"""By the worst that happened in a night, in this order; else 0."""


@dataclass(frozen=True)
class Record:
    """The folder ``record/`` beside the pointer: ``nights/0001/night.json``, ``cases/<id>.json``, ``ledger.jsonl``."""

    folder: Path

    @classmethod
    def beside(cls, production: Path) -> "Record":
        """The record that belongs to a pointer."""
        return cls(production.absolute().parent / "record")

    def close_night(self, report: Report, register: Register, *, production: Path, began: str) -> dict[str, Any]:
        """Write the record of a night and its lines of the ledger; returns the record.

        Raises:
            UserError: the ledger is broken or needs its key, or the folder cannot be written.
        """
        told = self._told(report, register, began)
        unit = Unit(f"nights/{told['night']:04d}", SCHEMA, {"model": told["model"]["digest"]}, seed=0, environment={})
        with write_unit(self.folder / unit.name, unit) as writer:
            write_file(writer.path / NIGHT, json.dumps(told, indent=2, allow_nan=False) + "\n")
            writer.scores |= {"exit_code": told["exit_code"], "outcome": told["outcome"]}
        self.keep(report, register, production)
        return told

    def keep(self, report: Report, register: Register, production: Path) -> None:
        """Write to the ledger what it does not say yet: requests, verdicts so far, and the model in production now.

        Raises:
            UserError: the ledger is broken or needs its key, or the folder cannot be written.
        """
        entries = [*_requests(register), *_verdicts(report)]
        now_in = publication(read_production(production).current, where=production.name)
        if not self._tells_of(now_in):
            entries.append(now_in)
        write_ledger(self.folder, *entries)

    def _tells_of(self, one: PublicationEntry) -> bool:
        """Whether the last publication in the ledger is this one, whoever did it."""
        published = [link.entry for link in Chain(self.folder / LEDGER).links() if one.replaces(link.entry)]
        return bool(published) and (published[-1].run, published[-1].model) == (one.run, one.model)

    def note(self, *entries: Entry) -> None:
        """Write lines of the ledger outside a night: a model was adopted, a version taken back."""
        write_ledger(self.folder, *entries)

    def nights(self) -> list[dict[str, Any]]:
        """What all nights have recorded, in order."""
        paths = sorted((self.folder / "nights").glob(f"[0-9]*/{NIGHT}"))
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def _told(self, report: Report, register: Register, began: str) -> dict[str, Any]:
        verdicts = [one["verdict"] for one in report.released]
        verdicts += ["waiting"] * bool(report.held) + ["refused"] * bool(register.refused or report.unaudited)
        return {
            "schema": SCHEMA,
            "night": len(list((self.folder / "nights").glob(f"[0-9]*/{MANIFEST}"))) + 1,
            "began": began,
            "ended": now(),
            "model": asdict(report.version),
            "model_changed": report.model_changed,
            "refused": dict(register.refused),
            "audited": report.audited,
            "unaudited": report.unaudited,
            "released": report.released,
            "held": report.held,
            "published": report.published,
            "overdue": report.overdue,
            "outcome": outcome(report, register),
            "exit_code": next((code for verdict, code in EXIT_CODES.items() if verdict in verdicts), 0),
        }


def outcome(report: Report, register: Register) -> str:
    """A night in one sentence."""
    leaks = sum(bool(one["leaks"]) for one in report.audited)
    told = [f"{len(report.audited)} audited, {leaks} leaking"]
    by_verdict: dict[str, list[str]] = {}
    for one in report.released:
        by_verdict.setdefault(one["verdict"], []).append(one["request"])
    told += [f"{verdict}: {', '.join(names)}" for verdict, names in by_verdict.items()]
    told += [f"held: {', '.join(report.held)}"] if report.held else []
    told += [f"requests refused: {', '.join(register.refused)}"] if register.refused else []
    told += [f"not audited: {', '.join(report.unaudited)}"] if report.unaudited else []
    told += [f"overdue: {', '.join(report.overdue)}"] if report.overdue else []
    return "; ".join(told) if len(told) > 1 else f"nothing to do ({told[0]})"


def publication(version: Version, *, where: str, by: str = "") -> PublicationEntry:
    """The line of a ledger that says what was put into production."""
    manifest = Path(version.path) / MANIFEST
    model = file_digest(manifest) if version.run and manifest.exists() else version.digest
    return PublicationEntry(run=version.run, model=model, where=where, by=by)


def _requests(register: Register) -> Sequence[Entry]:
    return [request_entry(one.request, one.digest) for one in register.requests.values()]


def _verdicts(report: Report) -> Sequence[Entry]:
    """Of all runs that were settled tonight, or began to wait."""
    entries: list[Entry] = []
    for one in report.released:
        if one["run"] and one["verdict"] in ("accepted", "rejected", "waiting"):
            person = report.verdicts.get(one["run"])
            reasons = tuple(one["reasons"]) or ((person.reason,) if person else ())
            entries.append(
                VerdictEntry(run=one["run"], verdict=one["verdict"], reasons=reasons, by=person.name if person else "")
            )
    return entries
