"""Export: the model after any step of a run, or its update as one adapter, from what the run has stored."""

from prefect import flow

from flows.exporting import Form, plan_export
from flows.run_settings import RunSettings
from flows.subject import open_subject
from flows.turn import turn
from tasks.export_adapter import export_adapter
from tasks.publish_model import publish_model
from tasks.store.folders import UnitRef
from tasks.store.ledger import LEDGER, write_ledger


@flow(name="export", flow_run_name="export-{settings.run_name}", persist_result=False)
def export(
    settings: RunSettings, form: Form = "merged", undo_to: int | None = None, rank: int | None = None
) -> UnitRef:
    """Write what was asked for beside the run's results, which stay as they are; so does the untouched model.

    Args:
        settings: Of the run.
        form: `merged` is a model folder, `adapter` the exact update in PEFT format, `recompressed` one of a lower rank.
        undo_to: The step after which the model is taken, 0 for the untouched one; none: the last accepted one.
        rank: Of a recompressed adapter.
    """
    run, plan, asked = plan_export(settings, form=form, undo_to=undo_to, rank=rank)
    with turn(run, plan):
        subject = open_subject(settings, run, plan)
        if asked.form == "merged":
            written = publish_model(subject, asked.unit, step=asked.step)
        else:
            written = export_adapter(subject, asked.unit, step=asked.step, rank=asked.rank)
        if (run.path / LEDGER).exists():
            write_ledger(run.path)  # It covers every unit of the run, or would not verify any more.
    return written
