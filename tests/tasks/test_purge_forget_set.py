from types import SimpleNamespace

import pytest

from tasks.purge_forget_set import HOLD_FORGET_TEXT, purge_forget_set
from tasks.settings.errors import UserError
from tasks.settings.model import ModelSettings
from tasks.settings.target import MeasureSettings, TargetSettings
from tasks.store.ledger import verify_ledger
from tasks.subject import FORGET_SET, HELD_OUT, Subject
from tests.recorded_run import SECRET, recorded_run


@pytest.fixture
def subject(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.purge_forget_set.get_run_logger", lambda: SimpleNamespace(info=lambda *_: None))
    settings = {"model": ModelSettings(), "target": TargetSettings(), "measure": MeasureSettings()}
    return Subject(recorded_run(tmp_path), tmp_path, "cpu", "transformers", seed=0, **settings)


def test_forget_set_and_what_was_revealed_again_are_purged_and_the_record_holds(subject):
    path = subject.run.path
    assert purge_forget_set.fn(subject) == [FORGET_SET, "step-02/revealed-again/forget-set.jsonl"]
    assert not any(SECRET in file.read_text() for file in path.rglob("*") if file.is_file())
    assert not any(list(path.glob(pattern)) for pattern in HOLD_FORGET_TEXT)
    assert "was overwritten and removed" in (path / "certificate.md").read_text()
    verify_ledger(path)
    before = (path / "ledger.jsonl").read_bytes()
    assert purge_forget_set.fn(subject) == []
    assert (path / "ledger.jsonl").read_bytes() == before


def test_a_task_that_needs_pairs_is_told_that_they_were_purged(subject):
    purge_forget_set.fn(subject)
    for read in (lambda: subject.pairs(FORGET_SET, HELD_OUT), lambda: subject.forget_pairs(1)):
        with pytest.raises(UserError, match=r"forget-set\.jsonl was purged on"):
            read()
