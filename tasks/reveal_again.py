"""Task: ask the best arms again in the middle of a release, of the model as it has become."""

from prefect import get_run_logger

from tasks.settings.reveal import RevealSettings
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import shown_progress, unit_task


@unit_task(name="reveal-again", task_run_name="reveal-again-step{step:02d}")
def reveal_again(subject: Subject, unit: Unit, *, step: int, reveal: RevealSettings) -> UnitRef:
    """What the checkpoint before a step still writes of the target; transformers generates, whatever the backend."""
    if found := subject.run.find(unit):
        return found
    from tasks.models.generator import TransformersGenerator
    from tasks.reveal.reveal import SEARCH, write_forget_set

    key = f"reveal-again-{subject.run.name}"
    with subject.run.write(unit, resume=True) as writer, shown_progress(key, unit.name) as progress:
        lm = subject.load_model(step - 1)
        result = write_forget_set(
            writer.path,
            subject.run.path / SEARCH,
            reveal,
            lm=lm,
            generator=TransformersGenerator(lm, batch_size=subject.model.batch_size),
            target=subject.load_target(),
            seed=unit.seed,
            batch_size=subject.model.batch_size,
            progress=progress,
        )
        writer.scores |= result.scores()
    get_run_logger().info("step %d: %.0f%% of the answers still show the target", step, 100 * result.scores()["yield"])
    return writer.ref
