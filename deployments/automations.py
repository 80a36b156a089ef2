"""What the Prefect server does by itself: on a run that fell silent, a failed gate, a leak that was found."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from prefect.automations import (
    Automation,
    AutomationCore,
    ChangeFlowRunState,
    DoNothing,
    EventTrigger,
    Posture,
    SendNotification,
)
from prefect.client.schemas.objects import StateType

from tasks.announce import LEAK_FOUND, RUN_REJECTED

SILENCE = timedelta(minutes=10)
"""Without a heartbeat a flow run counts as dead; they come every 60 seconds (`prefect.yaml`), of commands every 180."""

_HEARTBEAT = "prefect.flow-run.heartbeat"
_ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Crashed", "Cancelled", "Suspended")}


def automations(webhook: UUID | None) -> Iterator[AutomationCore]:
    """The three of them.

    Args:
        webhook: Block that tells people; None: a failed gate and a leak are shown in the server's event feed only.
    """
    yield Automation(
        name="reveal-release: silent run",
        description="A run that was killed with its process stays Running for ever: call it crashed. It can go on.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={_HEARTBEAT},
            expect={_HEARTBEAT, *_ENDS},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            for_each={"prefect.resource.id"},
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"No sign of life for {SILENCE.seconds // 60} minutes. Started again it goes on where it was.",
            )
        ],
    )
    yield _told("failed gate", RUN_REJECTED, "A run was rejected, and published no model.", webhook)
    yield _told("leak found", LEAK_FOUND, "What a model was made to forget came back.", webhook)


def _told(name: str, event: str, words: str, webhook: UUID | None) -> AutomationCore:
    body = f"{words}\n{{{{ event.resource.id }}}}\n{{{{ event.payload }}}}"
    subject = f"Reveal-and-Release: {name}"
    return Automation(
        name=f"reveal-release: {name}",
        description=words,
        trigger=EventTrigger(posture=Posture.Reactive, expect={event}, threshold=1),
        actions=[SendNotification(block_document_id=webhook, subject=subject, body=body) if webhook else DoNothing()],
    )
