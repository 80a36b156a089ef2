"""Task: destroy what the model wrote of the target, and keep the digests."""

from prefect import get_run_logger

from tasks.subject import FORGET_SET, REVEALED_AGAIN, Subject
from tasks.unit_task import unit_task

HOLD_FORGET_TEXT = (FORGET_SET, f"step-*/{REVEALED_AGAIN}")
"""Files of a finished run with answers of the model; besides them only journals of unfinished attempts hold any.

Instructions stay in `search/` and in the cards: later audits ask them again. Adapters stay: any step is rebuilt from
them. Neither is text that the model answered with, but forget adapters were trained on it.
"""


@unit_task(name="purge-forget-set", task_run_name="purge-forget-set")
def purge_forget_set(subject: Subject) -> list[str]:
    """Destroy the forget data of a run that has ended, and say so in ledger and certificate; names of what was there.

    On a run that was purged before there is nothing to do.
    """
    from tasks.report.record import record_run
    from tasks.store.purge import purge

    purged = purge(subject.run.path, HOLD_FORGET_TEXT)
    record_run(subject.run.path)
    get_run_logger().info("purged: %s", ", ".join(purged) or "nothing, it was purged before")
    return purged
