"""Tasks at the end of a run: the verdict, the ledger, and what a person reads in the UI."""

from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.subject import Subject
from tasks.unit_task import unit_task


@unit_task(name="judge-run", task_run_name="judge-run")
def judge_run(subject: Subject, *, is_revealed: bool, last_step: int) -> dict[str, Any]:
    """The summary of the run, with its verdict."""
    from tasks.report.summary import summarise, summarise_nothing_revealed

    target = subject.load_target()
    told = {"target": subject.target.kind, "primary": target.primary, "model": subject.model.path, "seed": subject.seed}
    limits = subject.measure.model_dump(include={"goal", "goal_nll", "max_drop", "max_perplexity_rise"})
    if is_revealed:
        return summarise(subject.run.path, last_step=last_step, forgotten=subject.forgotten, **told, **limits)
    return summarise_nothing_revealed(subject.run.path, **told)


@unit_task(name="close-run", task_run_name="close-run")
def close_run(subject: Subject, summary: dict[str, Any]) -> None:
    """Write `summary.json`, ledger and certificate, last of all; show tables and a report as Prefect artifacts."""
    from tasks.report.markdown import report_markdown
    from tasks.report.record import record_run
    from tasks.report.summary import write_summary
    from tasks.report.tables import metric_rows, step_rows

    write_summary(subject.run.path, summary)
    record_run(subject.run.path)
    name = subject.run.name
    if rows := step_rows(summary):
        create_table_artifact(rows, key=f"steps-{name}", description="Each step on the tune split, which steers.")
    if rows := metric_rows(summary):
        create_table_artifact(rows, key=f"scores-{name}", description="Before and after on the report split.")
    create_markdown_artifact(report_markdown(summary), key=f"report-{name}", description="The run on one page.")
