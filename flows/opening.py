"""Open a run: check everything the user gave, and claim its folder, before Prefect or any work begins."""

from pathlib import Path

from flows.plan import Plan, make_plan
from flows.run_settings import NUMBER_FREE, RunSettings
from tasks.store.run import Run


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
        ignore=NUMBER_FREE,
    )
    return run, plan


def peek_run(settings: RunSettings) -> tuple[Run, Plan]:
    """As `open_run`, but nothing is created."""
    plan = make_plan(settings)
    resolved = settings.model_dump(mode="json")
    return Run.peek(Path(settings.runs_dir), settings.run_name, {}, resolved, ignore=NUMBER_FREE), plan
