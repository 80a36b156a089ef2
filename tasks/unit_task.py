"""A Prefect task of this house: answers from our store, leaves nothing in Prefect's.

Tasks take and give references. Their results are neither cached nor persisted by Prefect: its default cache forgets
at a restart, and its results are pickles.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

unit_task = partial(task, cache_policy=NO_CACHE, persist_result=False)

Progress = Callable[[float, str], None]
"""Called with the share that is done, in [0, 1], and a few words."""

_SHOWN_EVERY_S = 10.0


@contextmanager
def shown_progress(key: str, description: str) -> Iterator[Progress]:
    """Yields a `Progress` that is logged, and shown as a bar in the UI, every few seconds; short work shows none."""
    logger = get_run_logger()
    last = monotonic()
    artifact: UUID | None = None

    def progress(share: float, words: str) -> None:
        nonlocal artifact, last
        if monotonic() - last < _SHOWN_EVERY_S:
            return
        last = monotonic()
        percent = round(100 * min(max(share, 0.0), 1.0), 1)
        logger.info("%s: %.0f%%, %s", description, percent, words)
        if artifact is None:
            artifact = create_progress_artifact(percent, key=key, description=description)
        else:
            update_progress_artifact(artifact, percent)

    yield progress
    if artifact is not None:
        update_progress_artifact(artifact, 100.0)
