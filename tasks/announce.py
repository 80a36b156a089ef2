"""Events for Prefect's feed, on which its automations act. Names and numbers only: no text that was revealed."""

from collections.abc import Mapping
from typing import Any

from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import emit_event

STEP_ACCEPTED = "reveal-release.step.accepted"
STEP_UNDONE = "reveal-release.step.undone"
RUN_ACCEPTED = "reveal-release.run.accepted"
RUN_REJECTED = "reveal-release.run.rejected"
LEAK_FOUND = "reveal-release.leak.found"
ACCELERATOR_AWAITED = "reveal-release.accelerator.awaited"


def announce(event: str, run_name: str, payload: Mapping[str, Any]) -> None:
    """Emit an event about a run; the flow run within which this is called becomes related to it.

    Outside of flow runs there is nobody to tell, and no server is started to do so.
    """
    if FlowRunContext.get() is None and TaskRunContext.get() is None:
        return
    emit_event(
        event,
        resource={"prefect.resource.id": f"reveal-release.run.{run_name}", "prefect.resource.name": run_name},
        payload=dict(payload),
    )
