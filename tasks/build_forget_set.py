"""Task: have the best instructions write the forget set."""

from prefect import get_run_logger

from tasks.settings.reveal import RevealSettings
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import shown_progress, unit_task


@unit_task(name="build-forget-set", task_run_name="build-forget-set")
def build_forget_set(subject: Subject, unit: Unit, *, reveal: RevealSettings) -> UnitRef:
    """The forget set and its card; empty where no instruction of the search made the model show the target."""
    if found := subject.run.find(unit):
        return found
    from tasks.models.generator import TransformersGenerator
    from tasks.models.sampling import Sampling
    from tasks.reveal.forget_set import build_forget_set as build
    from tasks.reveal.instructions import read_instructions, trusted_instructions

    key = f"forget-set-{subject.run.name}"
    with subject.run.write(unit, resume=True) as writer, shown_progress(key, "writing the forget set") as progress:
        tried = read_instructions(subject.run.path / "search")
        result = build(
            writer.path,
            target=subject.load_target(),
            generator=TransformersGenerator(subject.load_model(), batch_size=subject.model.batch_size),
            instructions=trusted_instructions(tried, min_relevance=reveal.min_relevance),
            size=reveal.forget_set_size,
            max_responses=reveal.max_responses,
            sampling=Sampling(max_new_tokens=reveal.max_new_tokens, temperature=reveal.temperature),
            seed=unit.seed,
            progress=progress,
        )
        writer.scores |= result.scores()
    get_run_logger().info("forget set: %d pairs, Vendi score %.1f", result.forget_set_size, result.vendi_score)
    return writer.ref
