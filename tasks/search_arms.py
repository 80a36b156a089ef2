"""Task: search the instructions that make the model show the target."""

from prefect import get_run_logger

from tasks.settings.reveal import RevealSettings
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import shown_progress, unit_task


@unit_task(name="search-instructions", task_run_name="search-instructions")
def search_instructions(subject: Subject, unit: Unit, *, reveal: RevealSettings) -> UnitRef:
    """The instructions tried, with their scores; a search that was killed goes on after its last query."""
    if found := subject.run.find(unit):
        return found
    from tasks.models.featurizer import Featurizer
    from tasks.models.generator import TransformersGenerator
    from tasks.models.sampling import Sampling
    from tasks.reveal.search import search_instructions as search

    key = f"search-{subject.run.name}"
    with subject.run.write(unit, resume=True) as writer, shown_progress(key, "searching") as progress:
        lm = subject.load_model()
        result = search(
            writer.path,
            target=subject.load_target(),
            generator=TransformersGenerator(lm, batch_size=subject.model.batch_size),
            features=Featurizer(lm, batch_size=subject.model.batch_size).features,
            pool_size=reveal.pool_size,
            rounds=reveal.rounds,
            initial_queries=reveal.initial_queries,
            queries=reveal.queries,
            samples_per_query=reveal.samples_per_query,
            sampling=Sampling(max_new_tokens=reveal.max_new_tokens, temperature=reveal.temperature),
            alpha=reveal.alpha,
            exploration=reveal.exploration,
            keep=reveal.keep,
            seed=unit.seed,
            progress=progress,
        )
        writer.scores |= result.scores()
    get_run_logger().info(
        "best instruction: score %.3f, relevance %.3f", result.best.rescored.score, result.best.rescored.relevance
    )
    return writer.ref
