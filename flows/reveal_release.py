"""The main path: reveal what the model knows of a target, release it from the weights, judge, publish.

Xie, Teng, Ke, Wen, Wang: "Reveal and Release: Iterative LLM Unlearning with Self-generated Data", arXiv:2509.14624.

    python -m flows.reveal_release --preset lab-toxicity
"""

if __name__ == "__main__":
    # The command line is read before Prefect is imported: `--help` is quick, and PREFECT_HOME follows `--runs-dir`.
    from flows.command import main

    raise SystemExit(main())

from prefect import State, flow
from prefect.states import Completed, Failed

from flows.opening import open_run
from flows.plan import Plan
from flows.release import release
from flows.reveal import reveal
from flows.run_settings import RunSettings
from flows.subject import open_subject
from flows.turn import turn
from tasks.build_retain_set import build_retain_set
from tasks.close_run import close_run, judge_run
from tasks.measure_checkpoint import measure_checkpoint
from tasks.prepare_model import prepare_gold
from tasks.publish_model import publish_model
from tasks.purge_forget_set import purge_forget_set
from tasks.subject import Subject, one_model


@flow(name="reveal-release", flow_run_name="{settings.run_name}", persist_result=False)
def reveal_release(settings: RunSettings) -> State:
    """Make a model forget a target with forget data that it writes itself.

    The model after each step is rebuilt from the untouched one; a run that was killed goes on where it stopped when it
    is started again with the same settings. A rejected run is a failed one, and publishes no model.
    """
    run, plan = open_run(settings)
    with turn(run, plan), one_model():
        subject = open_subject(settings, run, plan)
        build_retain_set(subject, plan.retain_set, release=settings.release, reveal=settings.reveal)
        is_revealed = reveal(settings)
        last_step = release(settings) if is_revealed else 0
        if is_revealed:
            report_on(subject, plan, last_step)
        summary = judge_run(subject, is_revealed=is_revealed, last_step=last_step)
        is_accepted = summary["verdict"] == "accepted"
        if is_accepted:
            publish_model(subject, plan.published(last_step), step=last_step)
        close_run(subject, summary)
        if settings.purge_forget_set:
            purge_forget_set(subject)
    return Completed(message="accepted") if is_accepted else Failed(message="; ".join(summary["reasons"]))


def report_on(subject: Subject, plan: Plan, last_step: int) -> None:
    """Measure the report split: before, after, and on the gold model where one was asked for."""
    measure_checkpoint(subject, plan.report("before", 0), split="report")
    measure_checkpoint(subject, plan.report("after", last_step), split="report", step=last_step)
    if plan.gold:
        gold = prepare_gold(subject)
        measure_checkpoint(subject, plan.report("gold", last_step), split="report", other_model=gold)
