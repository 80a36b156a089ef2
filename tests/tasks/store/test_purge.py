import json
import os

import pytest

from tasks.settings.errors import UserError
from tasks.store import purge as purging
from tasks.store.chain import Chain
from tasks.store.digests import file_digest
from tasks.store.keys import Unit
from tasks.store.ledger import LEDGER, purged_files, refuse_purged, verify_ledger, write_ledger
from tasks.store.manifests import read_manifest
from tasks.store.purge import purge
from tests.recorded_run import ENVIRONMENT, LAB, SECRET, UNITS, make_unit, recorded_run

HOLD_FORGET_TEXT = ("forget-set/forget-set.jsonl", "step-*/revealed-again/forget-set.jsonl")
FILES = ["forget-set/forget-set.jsonl", "step-02/revealed-again/forget-set.jsonl"]


@pytest.fixture
def run(tmp_path):
    """A run that has ended, with what an interrupted search has left."""
    run = recorded_run(tmp_path)
    journal = run.path / "assess/extraction/gold.partial/.journal"
    journal.mkdir(parents=True)
    (journal / "000001.json").write_text(SECRET)
    return run


def texts(run):
    return {path.name: path.read_text() for path in run.path.rglob("*") if path.is_file()}


def test_no_answer_of_the_model_is_left_and_what_is_asked_stays(run):
    assert any(SECRET in text for text in texts(run).values())
    purged = purge(run.path, HOLD_FORGET_TEXT)
    assert [name for name in purged if not name.startswith("assess")] == FILES
    assert "assess/extraction/gold.partial/.journal/000001.json" in purged
    assert not any(SECRET in text for text in texts(run).values())
    assert not list(run.path.rglob("*.partial"))
    assert "write something rude" in texts(run)["instructions.jsonl"]
    assert (run.path / "step-01/forget-adapter/adapter_model.safetensors").exists()


def test_bytes_are_overwritten_before_the_name_goes(run, monkeypatch):
    linked = run.path.parent / "the-same-bytes"
    os.link(run.path / FILES[0], linked)
    size = linked.stat().st_size
    monkeypatch.setattr(purging, "_CHUNK", 7)
    purge(run.path, HOLD_FORGET_TEXT)
    assert linked.read_bytes() == bytes(size)


def test_it_is_recorded_with_its_digests_and_verifies_as_purged(run):
    digest = file_digest(run.path / FILES[0])
    purge(run.path, HOLD_FORGET_TEXT)
    verified = verify_ledger(run.path)
    assert set(FILES) < set(verified.purged)
    assert purged_files(run.path, "forget-set") == {"forget-set.jsonl": digest}
    assert read_manifest(run.path / "forget-set")["files"]["forget-set.jsonl"]["sha256"] == digest


def test_what_is_missing_without_a_purge_entry_is_broken(run):
    (run.path / FILES[0]).unlink()
    with pytest.raises(UserError, match=r"forget-set\.jsonl is missing"):
        verify_ledger(run.path)


def test_a_purge_entry_of_other_bytes_does_not_excuse_a_missing_file(run):
    purge(run.path, HOLD_FORGET_TEXT)
    lines = (run.path / LEDGER).read_text().splitlines()
    told = [json.loads(line) for line in lines]
    (number,) = [i for i, line in enumerate(told) if line["kind"] == "purge"]
    for purged in ({FILES[0]: "0" * 64}, {FILES[1]: told[number]["purged"][FILES[1]]}):
        (run.path / LEDGER).write_text("".join(line + "\n" for line in lines[:number]))
        Chain(run.path / LEDGER).append(purging.PurgeEntry(run="a-run", purged=purged))
        with pytest.raises(UserError, match=f"{FILES[0]} is missing"):
            verify_ledger(run.path)


def test_a_purge_that_was_killed_is_found_and_ends_the_next_time(run, monkeypatch):
    def killed(path):
        path.write_bytes(b"\0\0")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(purging, "_destroy", killed)
        with pytest.raises(KeyboardInterrupt):
            purge(run.path, HOLD_FORGET_TEXT)
    with pytest.raises(UserError, match=r"is there, but line \d+ of .* says that it was purged"):
        verify_ledger(run.path)
    assert set(FILES) <= set(purge(run.path, HOLD_FORGET_TEXT))
    verify_ledger(run.path)


def test_a_second_purge_finds_nothing_and_adds_no_line(run):
    purge(run.path, HOLD_FORGET_TEXT)
    before = (run.path / LEDGER).read_bytes()
    assert purge(run.path, HOLD_FORGET_TEXT) == []
    assert (run.path / LEDGER).read_bytes() == before


def test_forget_data_that_came_back_is_named_and_purged_again(run):
    purge(run.path, HOLD_FORGET_TEXT)
    (run.path / FILES[0]).write_text(UNITS["forget-set"]["forget-set.jsonl"])
    with pytest.raises(UserError, match=f"{FILES[0]} is there, but line"):
        verify_ledger(run.path)
    assert purge(run.path, HOLD_FORGET_TEXT) == [FILES[0]]
    verify_ledger(run.path)


def test_a_changed_file_is_not_purged_away(run):
    (run.path / FILES[0]).write_text("something else")
    with pytest.raises(UserError, match=f"{FILES[0]} is not what the manifest.json beside it says"):
        purge(run.path, HOLD_FORGET_TEXT)
    assert (run.path / FILES[1]).exists()


def test_a_purged_unit_answers_from_the_store_and_a_damaged_one_does_not(run):
    purge(run.path, HOLD_FORGET_TEXT)
    unit = Unit("forget-set", 2, {}, 0, ENVIRONMENT, parents=(LAB,))
    assert run.find(unit).key == unit.key
    (run.path / "forget-set/card.md").unlink()
    with pytest.raises(UserError, match=r"card\.md is missing"):
        run.find(unit)


def test_a_unit_that_is_made_again_after_a_purge_needs_its_files(run):
    purge(run.path, HOLD_FORGET_TEXT)
    for path in (run.path / "forget-set").iterdir():
        path.unlink()
    unit = make_unit(run, "forget-set", {"forget-set.jsonl": "other", "card.md": "#"}, version=3)
    (run.path / FILES[0]).unlink()
    write_ledger(run.path)
    for find in (lambda: run.find(unit), lambda: verify_ledger(run.path)):
        with pytest.raises(UserError, match=f"{FILES[0]} is missing"):
            find()


def test_what_needs_the_data_is_told_that_it_was_purged(run):
    refuse_purged(run.path, FILES[0])
    purge(run.path, HOLD_FORGET_TEXT)
    with pytest.raises(UserError, match=rf"{FILES[0]} was purged on \d{{4}}-\d\d-\d\d \(line \d+ of ledger.jsonl\)"):
        refuse_purged(run.path, FILES[0])
    refuse_purged(run.path, "retain-set/retain-set.jsonl")
