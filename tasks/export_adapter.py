"""Task: all that a release has changed as one adapter on the untouched model."""

from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import unit_task


@unit_task(name="export-adapter", task_run_name="export-{unit.name}")
def export_adapter(subject: Subject, unit: Unit, *, step: int, rank: int | None = None) -> UnitRef:
    """The steps 1 to `step` as one adapter in PEFT format: exact, or at a lower `rank` with the error that costs.

    The manifest's scores hold the rank and the relative Frobenius error, overall and by layer; 0 where it is exact.
    """
    if found := subject.run.find(unit):
        return found
    from tasks.release.adapter import save_adapter
    from tasks.release.low_rank import concatenated, recompressed
    from tasks.release.rebuild import recorded_updates

    with subject.run.write(unit) as writer:
        adapter, error, errors = concatenated(recorded_updates(subject.run.path, step)), 0.0, {}
        if rank is not None:
            small = recompressed(adapter, rank)
            adapter, error, errors = small.adapter, small.error, small.errors
        save_adapter(adapter, writer.path)
        writer.scores |= {"rank": adapter.rank, "relative_error": error, "layer_errors": dict(errors)}
    return writer.ref
