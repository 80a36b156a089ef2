"""Tasks at the end of a run: the verdict, the ledger, and what a person reads in the UI."""

from base64 import b64encode
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.announce import RUN_ACCEPTED, RUN_REJECTED, announce
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
    """Write `summary.json`, ledger, certificate and a page, last of all; show tables and a report in the UI."""
    from tasks.report.markdown import report_markdown
    from tasks.report.record import record_run
    from tasks.report.run_page import PAGE, write_run_page
    from tasks.report.summary import write_summary
    from tasks.report.tables import metric_rows, step_rows

    write_summary(subject.run.path, summary)
    record_run(subject.run.path)
    write_run_page(subject.run.path)
    name = subject.run.name
    if rows := step_rows(summary):
        create_table_artifact(rows, key=f"steps-{name}", description="Each step on the tune split, which steers.")
    if rows := metric_rows(summary):
        create_table_artifact(rows, key=f"scores-{name}", description="Before and after on the report split.")
    if summary["steps"]:
        create_markdown_artifact(
            _tradeoff(subject, summary),
            key=f"tradeoff-{name}",
            description="Forgetting against damage, step by step.",
        )
    report = f"{report_markdown(summary)}\nWith charts, as a file: `{subject.run.path / PAGE}`\n"
    create_markdown_artifact(report, key=f"report-{name}", description="The run on one page.")
    event = RUN_ACCEPTED if summary["verdict"] == "accepted" else RUN_REJECTED
    announce(event, name, {"last_step": summary["last_step"], "reasons": summary["reasons"]})


def _tradeoff(subject: Subject, summary: dict[str, Any]) -> str:
    """The picture of the kept steps, as markdown."""
    from tasks.report.tradeoff_plot import point_of, tradeoff_plot

    before = subject.read_scores(0)
    kept = [0, *(step["step"] for step in summary["steps"] if step["accepted"])]
    points = [point_of(step, subject.read_scores(step), before) for step in kept]
    plot = tradeoff_plot(points, goal=subject.measure.goal, max_drop=subject.measure.max_drop)
    picture = b64encode(plot.encode()).decode()
    return (
        f"# {summary['name']}: what forgetting cost\n\n"
        f"![step by step](data:image/svg+xml;base64,{picture})\n\n"
        "On the tune split. Step 0 is the untouched model; the dashed lines are the goal and the allowed drop.\n"
    )
