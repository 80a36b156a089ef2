"""A person's verdict on a finished run: `verdict.json` in the run's folder, written once, whoever asked for it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from tasks.report.record import record_run
from tasks.report.summary import SUMMARY, read_summary, write_summary
from tasks.settings.errors import UserError
from tasks.store.disk import disk_errors, write_file
from tasks.store.entries import VerdictEntry
from tasks.store.ledger import write_ledger
from tasks.store.manifests import now
from tasks.store.run import NAME

VERDICT = "verdict.json"
Decision = Literal["approve", "reject"]
BY_DEFAULT = "(nobody)"
"""The name on a verdict that was given by the default, after the deadline."""


@dataclass(frozen=True)
class Verdict:
    """What was decided, by whom, when and why."""

    decision: Decision
    reason: str
    name: str
    time: str

    @classmethod
    def make(cls, decision: str, *, reason: str, name: str) -> "Verdict":
        """A verdict of this moment.

        Raises:
            UserError: the decision is none of the two, or reason or name are empty.
        """
        if decision not in get_args(Decision):
            raise UserError(f"decision is {decision!r}; give approve or reject.")
        for what, text in {"reason": reason, "name": name}.items():
            if not text.strip():
                raise UserError(f"{what} is empty; a verdict needs a reason, and the name of the person who decides.")
        return cls(decision, reason.strip(), name.strip(), now())


def read_verdict(run_path: Path) -> Verdict | None:
    """The verdict on a run; none where nobody has decided.

    Raises:
        UserError: the file is damaged.
    """
    path = run_path / VERDICT
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_bytes())
        verdict = Verdict(**{field: told[field] for field in Verdict.__annotations__})
    except (OSError, ValueError, LookupError, TypeError):
        verdict = None
    if verdict is None or verdict.decision not in get_args(Decision):
        raise UserError(f"{path} is damaged: remove it, and decide again")
    return verdict


def write_verdict(run_path: Path, verdict: Verdict) -> None:
    """Put a verdict on a run; it cannot be taken back this way.

    Raises:
        UserError: the run has one already, or the folder cannot be written.
    """
    if earlier := read_verdict(run_path):
        raise UserError(f"run {run_path.name} has a verdict already: {earlier.decision}, by {earlier.name}.")
    with disk_errors(run_path):
        write_file(run_path / VERDICT, json.dumps(asdict(verdict), indent=2) + "\n")


def decide_waiting(runs_dir: Path, run: str, verdict: Verdict) -> None:
    """Decide on a run that waits; what follows of it is done by the next night.

    Raises:
        UserError: there is no such run, it does not wait, or was decided on.
    """
    if not NAME.fullmatch(run):
        raise UserError(f"run is {run!r}; give the name of a run: 1 to 60 of a-z, 0-9 and dashes.")
    path = runs_dir / run
    if not (path / SUMMARY).is_file():
        raise UserError(f"run {run} is not in {runs_dir}, or has not ended; give the name of a run that waits.")
    if (found := read_summary(path)["verdict"]) != "waiting":
        raise UserError(f"run {run} is {found} and does not wait for approval.")
    write_verdict(path, verdict)


def settle_summary(
    run_path: Path,
    verdict: Literal["accepted", "rejected", "waiting"],
    *reasons: str,
    decided: Verdict | None = None,
) -> None:
    """Say in the summary, the ledger and the certificate of a run what has become of it, and who decided so."""
    summary = read_summary(run_path)
    if (summary["verdict"], summary["reasons"]) == (verdict, list(reasons)) and decided is None:
        return
    write_summary(run_path, summary | {"verdict": verdict, "reasons": list(reasons)})
    if decided:
        entry = VerdictEntry(run=run_path.name, verdict=verdict, reasons=(decided.reason,), by=decided.name)
        write_ledger(run_path, entry)
    record_run(run_path)
