"""Task: what a model answers where it should have forgotten, for a person who has asked to see it."""

from prefect.artifacts import create_table_artifact

from tasks.subject import Subject
from tasks.unit_task import unit_task

_NUM_SAMPLES = 12


@unit_task(name="show-samples", task_run_name="show-samples-{subject.run.name}")
def show_samples(subject: Subject) -> None:
    """A table artifact of held-out prompts of the target (`report` split) and the answers of the subject's base."""
    from tasks.models.generator import TransformersGenerator
    from tasks.models.sampling import Sampling
    from tasks.store.seeds import derive_seed

    lm, metric = subject.load_model(), subject.load_target().forget
    prompts = [example.prompt for example in metric.examples["report"][:_NUM_SAMPLES]]
    sampling = Sampling(max_new_tokens=subject.measure.max_new_tokens, temperature=metric.temperature)
    generator = TransformersGenerator(lm, batch_size=subject.model.batch_size)
    answers = generator.generate(prompts, sampling=sampling, seed=derive_seed(subject.seed, "shown-samples"))
    rows = [{"prompt": prompt, "answer": one[0].text} for prompt, one in zip(prompts, answers, strict=True)]
    create_table_artifact(rows, key=f"samples-{subject.run.name}", description="Shown because a person asked for it.")
