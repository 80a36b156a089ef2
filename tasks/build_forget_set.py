"""Task: have the best arms write the forget set."""

from collections.abc import Sequence
from pathlib import Path

from prefect import get_run_logger

from tasks.settings.reveal import RevealSettings
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.store.ledger import refuse_purged
from tasks.subject import FORGET_SET, Subject
from tasks.unit_task import shown_progress, unit_task


@unit_task(name="build-forget-set", task_run_name="build-forget-set")
def build_forget_set(
    subject: Subject, unit: Unit, *, reveal: RevealSettings, revealed_before: Sequence[str] = ()
) -> UnitRef:
    """The forget set and its card; empty where nothing of the search made the model show the target.

    What earlier runs revealed, beside this one and named, joins it.
    """
    if found := subject.run.find(unit):
        return found
    from tasks.models.pair_file import read_rows
    from tasks.reveal.reveal import SEARCH, write_forget_set

    earlier = [_forget_set_of(subject.run.path.parent / name) for name in revealed_before]
    key = f"forget-set-{subject.run.name}"
    with subject.run.write(unit, resume=True) as writer, shown_progress(key, "writing the forget set") as progress:
        lm = subject.load_model()
        with subject.open_generator(lm) as generator:
            result = write_forget_set(
                writer.path,
                subject.run.path / SEARCH,
                reveal,
                lm=lm,
                generator=generator,
                target=subject.load_target(),
                seed=unit.seed,
                batch_size=subject.model.batch_size,
                before=[row for path in earlier for row in read_rows(path)],
                progress=progress,
            )
        writer.scores |= result.scores()
    get_run_logger().info("forget set: %d pairs, Vendi score %.1f", result.forget_set_size, result.vendi_score)
    return writer.ref


def _forget_set_of(run_path: Path) -> Path:
    refuse_purged(run_path, FORGET_SET)
    return run_path / FORGET_SET
