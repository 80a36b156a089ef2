"""Open a run: check everything the user gave, and claim its folder, before Prefect or any work begins."""

from pathlib import Path

from flows.plan import Plan, make_plan
from flows.run_settings import MAY_CHANGE, RunSettings
from tasks.report.summary import SUMMARY, read_summary
from tasks.settings.errors import UserError
from tasks.store.run import Run

_DEFAULTS = RunSettings().model_dump(mode="json")


def open_run(settings: RunSettings) -> tuple[Run, Plan]:
    """The run of these settings, begun or returned to, and its plan.

    Raises:
        UserError: the settings cannot be used, or the run was begun with others.
    """
    plan = make_plan(settings)
    run = Run.open(
        Path(settings.runs_dir),
        settings.run_name,
        settings.model_dump(mode="json", exclude_unset=True),
        settings.model_dump(mode="json"),
        defaults=_DEFAULTS,
        ignore=MAY_CHANGE,
    )
    return run, plan


def peek_run(settings: RunSettings) -> tuple[Run, Plan]:
    """As `open_run`, but nothing is created."""
    plan = make_plan(settings)
    resolved = settings.model_dump(mode="json")
    run = Run.peek(Path(settings.runs_dir), settings.run_name, {}, resolved, defaults=_DEFAULTS, ignore=MAY_CHANGE)
    return run, plan


def open_assessment(settings: RunSettings) -> tuple[Run, Plan, int]:
    """As `open_run`, with the step whose model is assessed: the last accepted one, or 0 for a model from outside.

    Raises:
        UserError: as `open_run`; or there is no model to assess: nothing is created then.
    """
    step = 0 if settings.assess.checkpoint else released_step(peek_run(settings)[0])
    return *open_run(settings), step


def released_step(run: Run) -> int:
    """The last accepted step of a finished run.

    Raises:
        UserError: the run is not finished, or no step of it was accepted.
    """
    if not (run.path / SUMMARY).exists():
        raise UserError(
            f"run {run.name} in {run.path.parent} is not finished; run flows.reveal_release with the same settings "
            "first, or give assess.checkpoint."
        )
    step = read_summary(run.path)["last_step"]
    if not step:
        raise UserError(f"run {run.name} kept no step, so it has no model to assess; give assess.checkpoint.")
    return step
