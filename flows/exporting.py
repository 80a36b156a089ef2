"""What `python -m flows.release` finds of a run, and why it cannot go on from there: from the store alone, no model."""

from dataclasses import dataclass, replace
from typing import Literal

from flows.opening import peek_run
from flows.plan import Plan
from flows.run_settings import RunSettings
from tasks.settings.errors import UserError
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.store.run import Run

Form = Literal["merged", "adapter", "recompressed"]
"""A model folder; the exact update as one adapter; that adapter at a lower rank."""


@dataclass(frozen=True)
class Export:
    """One folder to be written.

    Attributes:
        unit: With the folder's name; its parent is the checkpoint.
        form: What is in it.
        step: The step after which the model is taken; 0 is the untouched model.
        rank: Of a recompressed adapter.
    """

    unit: Unit
    form: Form
    step: int
    rank: int | None


def find_forget_set(settings: RunSettings) -> UnitRef:
    """The forget set of a run that was begun; nothing is created.

    Raises:
        UserError: there is no such run, it was begun with other settings, or it has not ended its reveal.
    """
    run, plan = find_run(settings)
    if found := run.find(plan.forget_set):
        return found
    raise UserError(f"run {run.name} has no forget set; use python -m flows.reveal with the same settings first.")


def plan_export(
    settings: RunSettings, *, form: Form, undo_to: int | None = None, rank: int | None = None
) -> tuple[Run, Plan, Export]:
    """What to write for a run: after the step `undo_to`, or after the last accepted one of a run that has ended.

    Every stored unit that leads to the step is verified.

    Raises:
        UserError: there is no such run, it was begun with other settings, the step is not finished, a file of it is
            damaged, the rank is out of range or given for another form, or no accepted step leads there.
    """
    run, plan = find_run(settings)
    accepted = _accepted(run, plan)
    step = _last_step(run, len(accepted)) if undo_to is None else undo_to
    if not 0 <= step <= len(accepted):
        raise UserError(f"--undo-to is {step}; run {run.name} has finished its steps 0 to {len(accepted)}, give one.")
    for number in range(1, step + 1):
        for unit in (plan.forget_adapter(number), plan.retain_adapter(number)):
            run.find(unit)
    _check_rank(form, rank, full=2 * settings.release.rank * sum(accepted[:step]))
    where = "export" if undo_to is None else f"undone/step-{step:02d}"
    what = {"merged": "model", "adapter": "adapter", "recompressed": f"recompressed-r{rank}"}[form]
    published = plan.published(step)
    unit = replace(published, name=f"{where}/{what}", settings=published.settings | {"form": form, "rank": rank})
    return run, plan, Export(unit, form, step, rank)


def find_run(settings: RunSettings) -> tuple[Run, Plan]:
    """A run that was begun, with its plan; nothing is created.

    Raises:
        UserError: there is no such run, or it was begun with other settings.
    """
    run, plan = peek_run(settings)
    if not run.path.exists():
        raise UserError(f"run {run.name} does not exist in {run.path.parent}; give the settings of a run that does.")
    return run, plan


def _accepted(run: Run, plan: Plan) -> list[bool]:
    """Whether each finished step was accepted, in order."""
    accepted: list[bool] = []
    while found := run.find(plan.checkpoint(len(accepted) + 1)):
        accepted.append(found.manifest()["scores"]["accepted"])
    return accepted


def _last_step(run: Run, num_finished: int) -> int:
    from tasks.report.summary import SUMMARY, read_summary

    if not (run.path / SUMMARY).exists():
        raise UserError(
            f"run {run.name} has not ended; add --undo-to with a step it has finished, 0 to {num_finished}, or let it "
            "go on with python -m flows.reveal_release."
        )
    return read_summary(run.path)["last_step"]


def _check_rank(form: Form, rank: int | None, *, full: int) -> None:
    if form != "merged" and not full:
        raise UserError(f"--export is {form}, but no accepted step leads there, so nothing was changed; use merged.")
    if form != "recompressed" and rank is not None:
        raise UserError(f"--export-rank is {rank}, but --export is {form}; a rank is chosen for recompressed only.")
    if form == "recompressed" and (rank is None or not 1 <= rank <= full):
        given = "missing" if rank is None else rank
        raise UserError(f"--export-rank is {given}; give 1 to {full}, which is the rank of the exact adapter.")
