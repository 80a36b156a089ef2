"""What a night has done for it, by flows and tasks: audits, releases, and the question to a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from prefect.exceptions import FailedRun

from flows.approval import ask_for_approval
from flows.opening import open_run
from flows.plan import SEARCH as SEARCH_SETTINGS
from flows.plan import files_digests
from flows.requested_run import forget_limit, read_run_settings, requested_run
from flows.reunlearn_settings import ReunlearnSettings
from flows.reveal_release import reveal_release
from flows.run_settings import RunSettings
from flows.turn import alone
from tasks.announce import LEAK_FOUND, announce
from tasks.audit_model import audit_model
from tasks.register.cases import Case
from tasks.register.night import Finding, broken_limits
from tasks.register.production import Version
from tasks.register.request import Request
from tasks.register.verdict import Verdict
from tasks.report.summary import SUMMARY, read_summary
from tasks.store.digests import file_digest
from tasks.store.folders import verify_folder
from tasks.store.keys import Unit, json_digest
from tasks.store.manifests import MANIFEST
from tasks.store.run import Run
from tasks.store.seeds import derive_seed
from tasks.subject import Subject

_AUDIT_VERSION = 1


@dataclass(frozen=True)
class NightlyWork:
    """`tasks.register.night.Work` as flows and tasks."""

    settings: ReunlearnSettings
    today: date

    def audit(self, case: Case, model: Version) -> Finding:
        """Audit the model for one request; an unchanged one only every few days anew."""
        settings = read_run_settings(self.settings, case.released)
        subject = _subject(settings, case.released, Path(model.path))
        unit = self._audit_unit(settings, subject, model)
        with alone(subject.run, subject.device, exclusive=settings.exclusive):
            reused = subject.run.find(unit) is not None
            verify_folder(subject.run.path / "search")
            audited = audit_model(subject, unit, reveal=settings.reveal, queries=self.settings.audit.queries)
        scores = audited.manifest()["scores"]
        limit = forget_limit(settings.measure.goal, self.settings)
        leaks = broken_limits(scores, limit=limit, max_yield=self.settings.audit.max_yield)
        if leaks:
            announce(LEAK_FOUND, case.released, {"model": model.digest, "request": case.request.id, "why": leaks})
        return Finding(scores | {"limit": limit}, leaks, reused)

    def begin(self, request: Request, model: Version, forgotten: Sequence[Case], attempt: int, released: str) -> str:
        """Claim the folder of a run for a request; another attempt has another seed."""
        settings = self.settings.model_copy(update={"seed": self.settings.seed + attempt})
        run, _ = open_run(requested_run(request, settings, model=model, forgotten=forgotten, released=released))
        return run.name

    def release(self, run: str) -> tuple[str, Sequence[str]]:
        """Reveal and release; a run that has ended answers with its summary."""
        path = Path(self.settings.runs_dir) / run
        if not (path / SUMMARY).exists():
            state = reveal_release(read_run_settings(self.settings, run), return_state=True)
            outcome = state.result(raise_on_failure=False)
            # A rejected run is a failed one; its summary says why.
            if isinstance(outcome, BaseException) and not isinstance(outcome, FailedRun):
                raise outcome
        summary = read_summary(path)
        return summary["verdict"], summary["reasons"]

    def decide(self, run: str, until: datetime) -> Verdict | None:
        """Ask in the Prefect UI, where the flow runs under a deployment."""
        settings = read_run_settings(self.settings, run)
        model = Path(self.settings.runs_dir) / run / "model"
        return ask_for_approval(_subject(settings, run, model), until)

    def _audit_unit(self, settings: RunSettings, subject: Subject, model: Version) -> Unit:
        period = self.today.toordinal() // self.settings.audit.days
        asked = settings.reveal.model_dump(mode="json", include=set(SEARCH_SETTINGS)) | {
            "queries": self.settings.audit.queries
        }
        measured = settings.measure.model_dump(
            mode="json", include={"tune_prompts", "report_prompts", "max_new_tokens"}
        )
        told: dict[str, Any] = {
            "settings": {
                "target": settings.target.told,
                "reveal": asked,
                "measure": measured,
                "batch_size": settings.model.batch_size,
            },
            "seed": derive_seed(settings.seed, "audit", period),
            "environment": {
                "device": subject.device,
                "dtype": settings.model.dtype,
                "threads": settings.model.threads if subject.device == "cpu" else 0,
                "backend": "transformers",
            },
            "outside": {
                "model": model.digest,
                "search": file_digest(subject.run.path / "search" / MANIFEST),
                **files_digests(settings.target),
            },
        }
        return Unit(name=f"audit/{json_digest(told)[:16]}", version=_AUDIT_VERSION, **told)


def _subject(settings: RunSettings, run: str, model: Path) -> Subject:
    """A model as what tasks work on, with the target and the record of a run."""
    from tasks.models.device import resolve_device

    return Subject(
        run=Run(Path(settings.runs_dir) / run),
        base=model,
        device=resolve_device(settings.model.device),
        backend="transformers",
        model=settings.model,
        target=settings.target,
        measure=settings.measure,
        seed=settings.seed,
    )
