"""The question to a person, with a Prefect that answers what it is told to."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

import flows.approval
from flows.approval import Approval, ask_for_approval

UNTIL = datetime.now(UTC) + timedelta(days=2)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Answers the form from a list; returns `(subject, answers, calls)`."""
    run = tmp_path / "forget-x-1"
    run.mkdir()
    metric = {"before": 1.0, "after": 0.0, "gold": None, "better": "lower", "n": 8}
    none = dict.fromkeys(("forget_nll", "own_nll", "prefill", "sampled"), metric)
    summary = {"forget": metric, "depth": none, "utility": {"math": metric}, "quantised": {}, "observed": {}}
    summary["fluency"] = {"perplexity": metric, "repetition": metric}
    (run / "summary.json").write_text(json.dumps(summary))
    subject = SimpleNamespace(run=SimpleNamespace(path=run, name=run.name))
    answers, calls = [], []

    def suspend(*, wait_for_input, timeout, key):
        calls.append((key, timeout, wait_for_input._description))
        return Approval(**answers.pop(0))

    monkeypatch.setattr(flows.approval, "deployment", SimpleNamespace(id="one"))
    monkeypatch.setattr(flows.approval, "suspend_flow_run", suspend)
    monkeypatch.setattr(flows.approval, "show_samples", lambda subject: calls.append("samples"))
    return subject, answers, calls


def test_without_a_deployment_nobody_is_asked(asked, monkeypatch):
    subject, _, calls = asked
    monkeypatch.setattr(flows.approval, "deployment", SimpleNamespace(id=None))
    assert ask_for_approval(subject, UNTIL) is None
    assert calls == []


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_the_answer_becomes_a_verdict_and_the_form_shows_scores_until_the_deadline(asked, decision):
    subject, answers, calls = asked
    answers.append({"decision": decision, "reason": "as measured", "name": "Ada"})
    most = (UNTIL - datetime.now(UTC)).total_seconds()
    verdict = ask_for_approval(subject, UNTIL)
    least = (UNTIL - datetime.now(UTC)).total_seconds()
    assert (verdict.decision, verdict.reason, verdict.name) == (decision, "as measured", "Ada")
    ((key, timeout, told),) = calls
    assert key == "approve-forget-x-1-1"
    assert least - 1 < timeout <= most
    assert "| keep math | 1.000 | 0.000 |" in told


def test_samples_are_shown_only_when_asked_for_and_then_it_asks_again(asked):
    subject, answers, calls = asked
    answers += [{"decision": "show samples"}, {"decision": "approve", "reason": "fine", "name": "Ada"}]
    assert ask_for_approval(subject, UNTIL).decision == "approve"
    assert [call if call == "samples" else call[0] for call in calls] == [
        "approve-forget-x-1-1",
        "samples",
        "approve-forget-x-1-2",
    ]


def test_a_verdict_without_a_name_is_asked_for_again(asked):
    subject, answers, calls = asked
    answers += [{"decision": "approve", "reason": "fine"}, {"decision": "reject", "reason": "no", "name": "Ada"}]
    assert ask_for_approval(subject, UNTIL).decision == "reject"
    assert "needs a reason and a name" in calls[1][2]
