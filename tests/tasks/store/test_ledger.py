import hashlib
import json
import shutil

import pytest

from tasks.settings.errors import UserError
from tasks.store.chain import Chain
from tasks.store.digests import file_digest
from tasks.store.entries import RequestEntry
from tasks.store.folders import write_unit
from tasks.store.keys import Unit
from tasks.store.ledger import verify_chain, verify_ledger, write_ledger


def make(run, name):
    with write_unit(run / name, Unit(name, 1, {}, 0, {})) as writer:
        (writer.path / "result").write_text(name)


@pytest.fixture
def run(tmp_path):
    """A run of three units, of which the folder's own comes after the one inside it, and one was left unfinished."""
    for name in ("search", "step-01/forget-adapter", "step-01"):
        make(tmp_path, name)
    with pytest.raises(KeyError), write_unit(tmp_path / "model", Unit("model", 1, {}, 0, {}), resume=True):
        raise KeyError
    (tmp_path / "model.partial" / "manifest.json").write_text("{}")
    write_ledger(tmp_path)
    return tmp_path


def links(run):
    return [json.loads(line) for line in (run / "ledger.jsonl").read_text().splitlines()]


def rewrite(run, links):
    (run / "ledger.jsonl").write_text(
        "".join(json.dumps(link, sort_keys=True, separators=(",", ":")) + "\n" for link in links)
    )


def test_each_line_holds_the_digest_of_a_manifest_in_the_order_in_which_the_units_ended(run):
    assert [(link["unit"], link["manifest"]) for link in links(run)] == [
        (unit, hashlib.sha256((run / unit / "manifest.json").read_bytes()).hexdigest())
        for unit in ("search", "step-01/forget-adapter", "step-01")
    ]
    verified = verify_ledger(run)
    assert (verified.head, verified.num_units, verified.num_files) == (links(run)[-1]["hash"], 3, 3)


def test_the_same_units_give_the_same_bytes_and_later_ones_add_lines(run):
    before = (run / "ledger.jsonl").read_bytes()
    head = write_ledger(run)
    assert (run / "ledger.jsonl").read_bytes() == before
    make(run, "audit")
    assert write_ledger(run) != head
    assert (run / "ledger.jsonl").read_bytes().startswith(before)
    verify_ledger(run)


def test_a_run_without_units_has_an_empty_ledger(tmp_path):
    assert write_ledger(tmp_path) == "0" * 64 == verify_ledger(tmp_path).head


def test_a_missing_ledger_is_named(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}/ledger.jsonl is missing"):
        verify_ledger(tmp_path)


def test_a_unit_whose_line_was_cut_off_is_named(run):
    first, second, _ = links(run)
    rewrite(run, [first, second])
    with pytest.raises(UserError, match=f"{run}/step-01 is not in "):
        verify_ledger(run)


def test_a_changed_manifest_is_named(run):
    path = run / "search" / "manifest.json"
    path.write_text(path.read_text().replace('"scores": {}', '"scores": {"forget": 0.0}'))
    with pytest.raises(UserError, match=rf"{path} is not the one that line 1 "):
        verify_ledger(run)


def test_a_changed_file_is_named(run):
    (run / "step-01" / "forget-adapter" / "result").write_text("else")
    with pytest.raises(UserError, match=f"{run}/step-01/forget-adapter/result is damaged"):
        verify_ledger(run)


def test_a_removed_unit_is_named(run):
    (run / "step-01" / "manifest.json").unlink()
    with pytest.raises(UserError, match=f"{run}/step-01/manifest.json is not the one that line 3 "):
        verify_ledger(run)


def test_a_manifest_that_cannot_be_read_is_named(run):
    (run / "search" / "manifest.json").write_text("{")
    with pytest.raises(UserError, match=f"{run}/search/manifest.json is damaged"):
        write_ledger(run)


def test_a_file_put_beside_those_of_a_unit_is_named(run):
    (run / "search" / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match=f"{run}/search/adapter_config.json is not in the manifest.json beside it"):
        verify_ledger(run)


def test_unfinished_work_inside_a_unit_is_no_part_of_it(run):
    (run / "step-01" / "revealed-again.partial").mkdir()
    (run / "step-01" / "revealed-again.partial" / "rows").write_text("half")
    verify_ledger(run)


def test_a_unit_that_was_made_again_adds_a_line_and_the_last_one_holds(run):
    before = links(run)
    shutil.rmtree(run / "search")
    make(run, "search")
    write_ledger(run)
    assert links(run)[:3] == before
    assert [link["unit"] for link in links(run)] == ["search", "step-01/forget-adapter", "step-01", "search"]
    verify_ledger(run)


def test_the_settings_are_a_request_and_a_change_of_them_is_named(run):
    (run / "settings.yaml").write_text("resolved: {}")
    write_ledger(run)
    assert (links(run)[-1]["kind"], links(run)[-1]["request"]) == ("request", run.name)
    verify_ledger(run)
    (run / "settings.yaml").write_text("resolved: {goal: 1}")
    with pytest.raises(UserError, match=f"{run}/settings.yaml was changed: it is not what line 4 of"):
        verify_ledger(run)
    (run / "settings.yaml").unlink()
    with pytest.raises(UserError, match=f"{run}/settings.yaml is missing: line 4 of"):
        verify_ledger(run)


def test_a_broken_ledger_is_never_written_over(run):
    rewrite(run, links(run)[1:])
    before = (run / "ledger.jsonl").read_bytes()
    make(run, "audit")
    with pytest.raises(UserError, match="broken at line 1"):
        write_ledger(run)
    assert (run / "ledger.jsonl").read_bytes() == before


def test_a_ledger_of_several_runs_is_checked_with_the_files_that_lie_beside_it(tmp_path):
    request = tmp_path / "requests" / "dogs.yaml"
    request.parent.mkdir()
    request.write_text("forget: dogs")
    Chain(tmp_path / "ledger.jsonl").append(
        RequestEntry(request="dogs", digest=file_digest(request), file="requests/dogs.yaml"),
        RequestEntry(request="cats", digest="0" * 64),
    )
    verified = verify_chain(tmp_path / "ledger.jsonl")
    assert (len(verified.links), verified.num_files) == (2, 1)
    request.write_text("forget: cats")
    with pytest.raises(UserError, match=r"dogs\.yaml was changed: it is not what line 1"):
        verify_chain(tmp_path / "ledger.jsonl")
