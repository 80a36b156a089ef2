"""Changes of the model in production by hand: one from outside is adopted, the last one is taken back."""

import json
from dataclasses import asdict
from pathlib import Path

from tasks.register.production import Production, Version, check_rollback, publish, read_production, roll_back
from tasks.register.record import Record, publication
from tasks.register.verdict import VERDICT, Verdict, read_verdict, settle_summary
from tasks.report.summary import SUMMARY
from tasks.store.disk import disk_errors, write_file
from tasks.store.entries import Entry, VerdictEntry
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


def roll_back_production(production: Path, runs_dir: Path, *, reason: str, name: str) -> Production:
    """Put the previous model back, and reject the run that is taken back: no night publishes it again.

    The verdict is there before the pointer is switched, so no moment is left in which a night would publish the run
    again. A rollback that was killed is finished by the next one, whoever asks for it.

    Raises:
        UserError: reason or name are missing, there is nothing to go back to, or a night is going on.
    """
    verdict = Verdict.make("reject", reason=reason, name=name)
    record = Record.beside(production)
    with run_lock(record.folder / ".lock"):
        before = read_production(production)
        if not before.taken_back:
            check_rollback(production)
        taken_back = (before.taken_back or before.current).run
        path = runs_dir / taken_back
        has_run = bool(taken_back) and (path / SUMMARY).exists()
        if has_run:
            verdict = _rejected(path, verdict)
        now = roll_back(production)
        entries: list[Entry] = [publication(now.current, where=production.name, by=verdict.name)]
        if has_run:
            told = f"rolled back by {verdict.name}: {verdict.reason}"
            settle_summary(path, "rejected", told, decided=verdict)
            entries.append(VerdictEntry(run=taken_back, verdict="rejected", reasons=(told,), by=verdict.name))
        record.note(*entries)
    return now


def _rejected(path: Path, verdict: Verdict) -> Verdict:
    """The verdict by which a run is taken back: the one there is, where a rollback that was killed has written it."""
    earlier = read_verdict(path)
    if earlier and earlier.decision == "reject":
        return earlier
    with disk_errors(path):
        write_file(path / VERDICT, json.dumps(asdict(verdict), indent=2) + "\n")
    return verdict
