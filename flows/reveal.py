"""Reveal: the model itself is made to write what it is to forget."""

from prefect import flow

from flows.opening import open_run
from flows.run_settings import RunSettings
from flows.subject import open_subject
from tasks.build_forget_set import build_forget_set
from tasks.build_retain_set import build_retain_set
from tasks.search_instructions import search_instructions


@flow(name="reveal", flow_run_name="reveal-{settings.run_name}", persist_result=False)
def reveal(settings: RunSettings) -> bool:
    """Search the instructions that show the target best, and have them write the forget set.

    Returns:
        Whether the model revealed anything to forget.
    """
    run, plan = open_run(settings)
    subject = open_subject(settings, run, plan)
    build_retain_set(subject, plan.retain_set, size=settings.release.retain_size)
    search_instructions(subject, plan.search, reveal=settings.reveal)
    forget_set = build_forget_set(subject, plan.forget_set, reveal=settings.reveal)
    return forget_set.manifest()["scores"]["forget_set_size"] > 0
