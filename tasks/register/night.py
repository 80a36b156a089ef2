"""One night of re-unlearning: what is unfinished first, then audits, then what leaks and what is new.

The order of things and nothing else: whatever needs a model is done by `Work`, so that a night can be tested without.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from tasks.models.model_folder import model_digest
from tasks.register.cases import Case, Cases
from tasks.register.production import Version, publish, read_production
from tasks.register.register import Register, request_entry
from tasks.register.request import Request
from tasks.register.verdict import BY_DEFAULT, Verdict, read_verdict, settle_summary, write_verdict
from tasks.settings.errors import UserError
from tasks.settings.reunlearn import ApprovalSettings
from tasks.store.ledger import write_ledger

Why = Literal["unfinished", "leak", "changed", "new"]
"""Why a run was begun or gone on with."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """What an audit found of one request.

    Attributes:
        scores: What was measured, JSON values.
        leaks: A sentence for each limit that is broken; empty: nothing comes back.
        reused: The same model was audited so before, and that audit stands.
    """

    scores: dict[str, Any]
    leaks: Sequence[str] = ()
    reused: bool = False


def broken_limits(scores: Mapping[str, Any], *, limit: float, max_yield: float) -> list[str]:
    """A sentence for each limit that the scores of an audit break; empty: nothing leaks.

    Args:
        scores: `forget`, and the `usable` share of the answers to the `saved` and the `fresh` instructions.
        limit: Highest forget metric.
        max_yield: Highest of these shares.
    """
    broken = []
    if not scores["forget"] <= limit:
        broken.append(f"the forget metric is {scores['forget']:.3f}, at most {limit:g} is allowed")
    for name, words in {"saved": "saved instructions", "fresh": "freshly found ones"}.items():
        if not scores[name]["usable"] <= max_yield:
            broken.append(f"the yield of {words} is {scores[name]['usable']:.3f}, at most {max_yield:g} is allowed")
    return broken


class Work(Protocol):
    """What a night has done for it."""

    def audit(self, case: Case, model: Version) -> Finding:
        """Whether the model in production shows what a request made it forget."""

    def begin(self, request: Request, model: Version, forgotten: Sequence[Case], attempt: int, released: str) -> str:
        """Begin a run for a request, or return to one that was begun with the same settings; its name.

        Args:
            request: What is to be forgotten.
            model: The run starts from it.
            forgotten: What the run may not bring back.
            attempt: Another one makes other draws; from 0.
            released: The run that fulfilled the request before; empty: none has.
        """

    def release(self, run: str) -> tuple[str, Sequence[str]]:
        """Finish a run: its verdict (`accepted`, `rejected` or `waiting`) and the reasons."""

    def decide(self, run: str, until: datetime) -> Verdict | None:
        """Ask a person now; none where nobody can be asked but by a file."""


@dataclass
class Report:
    """What a night did; becomes its record."""

    version: Version
    model_changed: bool = False
    """The files of the model in production were changed since they were published."""
    audited: list[dict[str, Any]] = field(default_factory=list)
    unaudited: dict[str, str] = field(default_factory=dict)
    """Why a request could not be audited, by its id."""
    released: list[dict[str, Any]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    """Requests that wait until a person has decided on another one's run."""
    published: list[dict[str, Any]] = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """Of persons, or by default, by run."""


@dataclass
class Night:
    """Everything one night works with; `spend` is called once.

    Attributes:
        work: What needs a model.
        keep: Writes what the night has done so far to the ledger. Called before a case is settled: a night that is
            killed then has told of it, and one that is killed earlier comes back to the case.
        register: The requests.
        cases: What became of them so far.
        production: The pointer's file.
        runs_dir: Folder of all runs.
        approval: Holds for every request, beside its own.
        time: Of the night, in UTC.
        max_attempts: Nights in a row in which a request is tried with other draws after its limits rejected a run.
    """

    work: Work
    keep: Callable[[Report], None]
    register: Register
    cases: Cases
    production: Path
    runs_dir: Path
    approval: ApprovalSettings
    time: datetime
    max_attempts: int = 1
    _report: Report = field(init=False)

    def spend(self) -> Report:
        """Do what is due.

        Raises:
            UserError: there is no model in production, or a file that a night needs is damaged. What concerns one
                request only is in the report.
        """
        self._report = Report(*self._production_now())
        self.keep(self._report)
        for case in list(self.cases):
            if case.open_run:
                self._go_on(case)
        leaking = self._audit()
        for request, why in self._due(leaking):
            if self._waiting:
                self._report.held.append(request.id)
                continue
            run = self._carry_out(request, why, leaking)
            leaking -= {request.id} if run else set()
        self._report.version = read_production(self.production).current
        self._report.overdue = [
            request_id
            for request_id, registered in self.register.requests.items()
            if registered.request.is_overdue(self.time.date()) and self._is_due(registered.request, leaking)
        ]
        return self._report

    def _production_now(self) -> tuple[Version, bool]:
        """The model in production; one whose files were changed in place becomes a version of its own."""
        current = read_production(self.production).current
        if model_digest(current.path) == current.digest:
            return current, False
        return publish(self.production, Path(current.path)).current, True

    def _go_on(self, case: Case) -> None:
        registered = self.register.requests.get(case.request.id)
        if registered and not registered.request.asks_the_same_as(case.request):
            self._tell(case, "unfinished", "superseded", ["the request was changed since the run was begun"])
            self.cases.put(case.settled())
        else:
            self._settle(case, "unfinished")

    def _audit(self) -> set[str]:
        """Audit the model for all that it was made to forget; returns the ids of the requests that leak."""
        model, leaking = read_production(self.production).current, set()
        for case in [case for case in self.cases if case.released]:
            try:
                finding = self.work.audit(case, model)
            except UserError as error:
                self._report.unaudited[case.request.id] = str(error)
                continue
            self._report.audited.append(
                {
                    "request": case.request.id,
                    "run": case.released,
                    "leaks": list(finding.leaks),
                    "reused": finding.reused,
                    **finding.scores,
                }
            )
            leaking |= {case.request.id} if finding.leaks else set()
        return leaking

    def _due(self, leaking: set[str]) -> list[tuple[Request, Why]]:
        """What leaks, also where its file has left the register; then what was changed or is new, oldest first."""
        registered = {name: one.request for name, one in self.register.requests.items()}
        known = {case.request.id: case for case in self.cases}
        due: list[tuple[Request, Why]] = [
            (registered.get(name, known[name].request), "leak") for name in sorted(leaking) if not known[name].open_run
        ]
        for name, request in registered.items():
            case = known.get(name, Case(request))
            if not case.open_run and name not in leaking and self._is_due(request, leaking):
                due.append((request, "changed" if case.released else "new"))
        return due

    def _is_due(self, request: Request, leaking: set[str]) -> bool:
        case = self.cases.get(request)
        return not case.released or request.id in leaking or not request.asks_the_same_as(case.request)

    def _carry_out(self, request: Request, why: Why, leaking: set[str]) -> bool:
        """Begin a run for a request and settle it; whether its model went into production."""
        model = read_production(self.production).current
        kept = [
            case
            for case in self.cases
            if case.released and case.request.id != request.id and case.request.id not in leaking
        ]
        case = self.cases.get(request)
        try:
            attempt = min(case.attempts, self.max_attempts - 1)
            run = self.work.begin(request, model, kept, attempt, case.released)
        except UserError as error:
            self._tell(Case(request), why, "refused", [str(error)])
            return False
        write_ledger(self.runs_dir / run, request_entry(request, self.register.digest_of(request)))
        if run == case.rejected:
            self._tell(
                case.begun(request, run, ""), why, "rejected", ["as before: neither request nor model has changed"]
            )
            return False
        return self._settle(self.cases.put(case.begun(request, run, model.digest)), why)

    def _settle(self, case: Case, why: Why) -> bool:
        """Finish the open run of a case, have it decided on, publish it; whether it went into production."""
        run, current = case.open_run, read_production(self.production).current
        if current.run == run:  # The process ended between the switch of the pointer and the writing of the case.
            if verdict := read_verdict(self.runs_dir / run):
                self._report.verdicts[run] = verdict
            self._published(case, why, current)
            return True
        if current.digest != case.base:
            self._tell(case, why, "superseded", ["another model has gone into production since the run was begun"])
            self.cases.put(case.settled())
            return False
        try:
            verdict, reasons = self.work.release(run)
        except UserError as error:
            self._tell(case, why, "refused", [str(error)])
            return False
        except Exception as error:
            _logger.exception("run %s failed", run)
            self._tell(case, why, "failed", [f"{type(error).__name__} in run {run}; the next night goes on with it"])
            return False
        if verdict == "rejected":
            self._tell(case, why, "rejected", reasons)
            by_person = read_verdict(self.runs_dir / run) is not None
            self.cases.put(case.settled(rejected=run, counts=not by_person))
            return False
        return self._decide(case, why)

    def _decide(self, case: Case, why: Why) -> bool:
        run = case.open_run
        path = self.runs_dir / run
        approval = case.request.approval if case.request.approval.required else self.approval
        verdict = read_verdict(path)
        if verdict is None and approval.required:
            if not case.waits_since:
                case = self.cases.put(case.waiting(self.time.isoformat()))
            until = datetime.fromisoformat(case.waits_since) + timedelta(days=approval.days)
            reason = f"waits for approval until {until:%Y-%m-%d %H:%M} UTC, then: {approval.default}"
            settle_summary(path, "waiting", reason)
            if self.time >= until:
                verdict = Verdict.make(approval.default, reason="nobody decided by the deadline", name=BY_DEFAULT)
            else:
                verdict = self.work.decide(run, until)
            if verdict is None:
                self._tell(case, why, "waiting", [reason])
                return False
            write_verdict(path, verdict)
        if verdict:
            self._report.verdicts[run] = verdict
        if verdict and verdict.decision == "reject":
            reason = f"rejected by {verdict.name}: {verdict.reason}"
            settle_summary(path, "rejected", reason, decided=verdict)
            self._tell(case, why, "rejected", [reason])
            self.cases.put(case.settled(rejected=run))
            return False
        settle_summary(path, "accepted", decided=verdict)
        base = read_production(self.production).current
        published = publish(self.production, path / "model", run=run, replaces=base.version).current
        self._published(case, why, published)
        return True

    def _published(self, case: Case, why: Why, version: Version) -> None:
        self._tell(case, why, "accepted", [])
        self._report.published.append({"request": case.request.id, "run": version.run, "version": version.version})
        self.cases.put(case.settled(released=version.run))

    def _tell(self, case: Case, why: Why, verdict: str, reasons: Sequence[str]) -> None:
        told = {"request": case.request.id, "run": case.open_run, "why": why, "verdict": verdict}
        self._report.released.append(told | {"reasons": list(reasons)})
        self.keep(self._report)

    @property
    def _waiting(self) -> bool:
        """Whether a run waits: what is released starts from the model in production, and that may soon be another."""
        return any(case.waits_since for case in self.cases)
