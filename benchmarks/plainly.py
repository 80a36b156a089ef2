"""Flows as plain functions: the same units in the same order, with no engine, no server and no database of Prefect."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from prefect import Flow, Task
from prefect.artifacts import Artifact
from prefect.logging import disable_run_logger


@contextmanager
def without_prefect() -> Iterator[None]:
    """Inside the block a flow or task that is called is the function it was made from; nothing is logged or shown."""

    def call_flow(flow: Flow, *arguments: Any, return_state: bool = False, **keywords: Any) -> Any:
        outcome = flow.fn(*arguments, **keywords)
        return SimpleNamespace(result=lambda **_: outcome) if return_state else outcome

    with (
        patch.object(Flow, "__call__", call_flow),
        patch.object(Task, "__call__", lambda task, *arguments, **keywords: task.fn(*arguments, **keywords)),
        patch.object(Artifact, "create", lambda *_, **__: SimpleNamespace(id=None)),
        disable_run_logger(),
    ):
        yield
