"""Changes of the model in production by hand: one from outside is adopted, the last one is taken back."""

import json
from dataclasses import asdict
from pathlib import Path

from tasks.register.production import Version, publish, read_production, roll_back
from tasks.register.record import Record, publication
from tasks.register.verdict import VERDICT, Verdict, settle_summary
from tasks.report.summary import SUMMARY
from tasks.store.disk import disk_errors, write_file
from tasks.store.entries import VerdictEntry
from tasks.store.lock import run_lock


def adopt_model(production: Path, folder: Path, *, name: str) -> Version:
    """Put a model from outside into production.

    Raises:
        UserError: the folder holds no usable model, a night is going on, or the pointer cannot be written.
    """
    record = Record.beside(production)
    with run_lock(record.folder / ".lock"):
        version = publish(production, folder).current
        record.note(publication(version, where=production.name, by=name))
    return version


def roll_back_production(production: Path, runs_dir: Path, *, reason: str, name: str) -> Version:
    """Put the previous model back, and reject the run that is taken back: no night publishes it again.

    Raises:
        UserError: reason or name are missing, there is nothing to go back to, or a night is going on.
    """
    verdict = Verdict.make("reject", reason=reason, name=name)
    record = Record.beside(production)
    with run_lock(record.folder / ".lock"):
        taken_back = read_production(production).current.run
        version = roll_back(production).current
        entries = [publication(version, where=production.name, by=name)]
        path = runs_dir / taken_back
        if taken_back and (path / SUMMARY).exists():
            with disk_errors(path):
                write_file(path / VERDICT, json.dumps(asdict(verdict), indent=2) + "\n")
            told = f"rolled back by {verdict.name}: {verdict.reason}"
            settle_summary(path, "rejected", told, decided=verdict)
            entries.append(VerdictEntry(run=taken_back, verdict="rejected", reasons=(told,), by=verdict.name))
        record.note(*entries)
    return version
