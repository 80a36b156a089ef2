"""Reveal: the model itself is made to write what it is to forget.

python -m flows.reveal --preset lab-toxicity
"""

if __name__ == "__main__":
    # As in `flows.reveal_release`: the command line is read before Prefect is imported.
    from flows.command import reveal_command

    raise SystemExit(reveal_command())

from prefect import flow

from flows.opening import open_run
from flows.run_settings import RunSettings
from flows.subject import open_subject
from flows.turn import turn
from tasks.build_forget_set import build_forget_set
from tasks.search_arms import search_arms
from tasks.subject import one_model


@flow(name="reveal", flow_run_name="reveal-{settings.run_name}", persist_result=False)
def reveal(settings: RunSettings) -> bool:
    """Search what makes the model show the target best, and have it write the forget set.

    Returns:
        Whether the model revealed anything to forget.
    """
    run, plan = open_run(settings)
    with turn(run, plan), one_model():
        subject = open_subject(settings, run, plan)
        search_arms(subject, plan.search, reveal=settings.reveal)
        forget_set = build_forget_set(
            subject, plan.forget_set, reveal=settings.reveal, revealed_before=settings.revealed_before
        )
    return forget_set.manifest()["scores"]["forget_set_size"] > 0
