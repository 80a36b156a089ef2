"""Task: search what makes the model show the target."""

from prefect import get_run_logger

from tasks.settings.reveal import RevealSettings
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import shown_progress, unit_task


@unit_task(name="search-arms", task_run_name="search-arms")
def search_arms(subject: Subject, unit: Unit, *, reveal: RevealSettings) -> UnitRef:
    """The arms played, with their scores; a search that was killed goes on after its last batch."""
    if found := subject.run.find(unit):
        return found
    from tasks.reveal.reveal import search

    key = f"search-{subject.run.name}"
    with subject.run.write(unit, resume=True) as writer, shown_progress(key, "searching") as progress:
        lm = subject.load_model()
        with subject.open_generator(lm) as generator:
            result = search(
                writer.path,
                reveal,
                lm=lm,
                generator=generator,
                target=subject.load_target(),
                seed=unit.seed,
                batch_size=subject.model.batch_size,
                progress=progress,
            )
        writer.scores |= result.scores()
    best = result.best.rescored
    get_run_logger().info("best arm: score %.3f, relevance %.3f", best.score, best.relevance)
    return writer.ref
