import pytest
from prefect.context import FlowRunContext

from tasks import announce as announcing
from tasks.announce import STEP_ACCEPTED, announce


@pytest.fixture
def emitted(monkeypatch):
    events = []
    monkeypatch.setattr(announcing, "emit_event", lambda event, **told: events.append((event, told)))
    return events


def test_within_a_flow_run_an_event_is_about_the_run(emitted, monkeypatch):
    monkeypatch.setattr(FlowRunContext, "get", classmethod(lambda cls: "a flow run"))
    announce(STEP_ACCEPTED, "a-run", {"step": 3})
    resource = {"prefect.resource.id": "reveal-release.run.a-run", "prefect.resource.name": "a-run"}
    assert emitted == [("reveal-release.step.accepted", {"resource": resource, "payload": {"step": 3}})]


def test_outside_of_flow_runs_nobody_is_told(emitted):
    announce(STEP_ACCEPTED, "a-run", {"step": 3})
    assert emitted == []
