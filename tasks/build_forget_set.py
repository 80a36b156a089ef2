"""Task: have the best arms write the forget set."""

from prefect import get_run_logger

from tasks.settings.reveal import RevealSettings
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import shown_progress, unit_task


@unit_task(name="build-forget-set", task_run_name="build-forget-set")
def build_forget_set(subject: Subject, unit: Unit, *, reveal: RevealSettings) -> UnitRef:
    """The forget set and its card; empty where nothing of the search made the model show the target."""
    if found := subject.run.find(unit):
        return found
    from tasks.reveal.reveal import SEARCH, write_forget_set

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
                progress=progress,
            )
        writer.scores |= result.scores()
    get_run_logger().info("forget set: %d pairs, Vendi score %.1f", result.forget_set_size, result.vendi_score)
    return writer.ref
