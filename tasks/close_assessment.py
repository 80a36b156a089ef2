"""Task at the end of an assessment: its numbers in one file, in the run's summary, and in the UI."""

from collections.abc import Sequence

from prefect.artifacts import create_markdown_artifact

from tasks.announce import LEAK_FOUND, announce
from tasks.subject import Subject
from tasks.unit_task import unit_task


@unit_task(name="close-assessment", task_run_name="close-assessment")
def close_assessment(
    subject: Subject,
    *,
    models: Sequence[str],
    probes: Sequence[str],
    benchmarks: Sequence[str] = (),
    min_relevance: float,
) -> str:
    """Write what was found into the run's folder and, of the run's own model, into its summary and page; show a report.

    That a model reveals the target again, to `min_relevance` or more, is announced as a leak.

    Returns:
        Name of the file that holds the result.
    """
    from tasks.report.durability import DURABILITY, durability, durability_markdown, leaks, write_durability
    from tasks.report.record import record_run
    from tasks.report.run_page import write_run_page
    from tasks.report.summary import add_durability
    from tasks.store.ledger import write_ledger

    result = durability(subject.run.path, models=models, probes=probes, benchmarks=benchmarks)
    name = write_durability(subject.run.path, result)
    if name == DURABILITY:
        add_durability(subject.run.path)
        record_run(subject.run.path)
        write_run_page(subject.run.path)
    else:
        write_ledger(subject.run.path)
    key = f"durability-{subject.run.name}"
    create_markdown_artifact(durability_markdown(result), key=key, description="What brings the forgotten back.")
    if found := leaks(result, min_relevance=min_relevance):
        announce(LEAK_FOUND, subject.run.name, {"model": result["assessed"], "relevance": found})
    return name
