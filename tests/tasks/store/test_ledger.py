import hashlib
import json

import pytest

from tasks.settings.errors import UserError
from tasks.store.folders import write_unit
from tasks.store.keys import Unit
from tasks.store.ledger import verify_ledger, write_ledger


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


def test_the_chain_by_hand(run):
    previous = "0" * 64
    for seq, (unit, link) in enumerate(
        zip(["search", "step-01/forget-adapter", "step-01"], links(run), strict=True), 1
    ):
        manifest = hashlib.sha256((run / unit / "manifest.json").read_bytes()).hexdigest()
        text = f'{{"manifest":"{manifest}","previous":"{previous}","seq":{seq},"unit":"{unit}"}}'
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert link == {"seq": seq, "unit": unit, "manifest": manifest, "previous": link["previous"], "hash": previous}
    assert verify_ledger(run) == previous


def test_the_same_units_give_the_same_bytes_and_later_ones_add_lines(run):
    before = (run / "ledger.jsonl").read_bytes()
    head = write_ledger(run)
    assert (run / "ledger.jsonl").read_bytes() == before
    make(run, "audit")
    assert write_ledger(run) != head
    assert (run / "ledger.jsonl").read_bytes().startswith(before)
    verify_ledger(run)


def test_a_run_without_units_has_an_empty_ledger(tmp_path):
    assert write_ledger(tmp_path) == "0" * 64 == verify_ledger(tmp_path)


def test_a_missing_ledger_is_named(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}/ledger.jsonl is missing"):
        verify_ledger(tmp_path)


@pytest.mark.parametrize("field", ["seq", "unit", "manifest", "previous", "hash"])
def test_a_changed_link_is_named(run, field):
    changed = links(run)
    changed[1][field] = 7 if field == "seq" else "search" if field == "unit" else "ab" * 32
    rewrite(run, changed)
    with pytest.raises(UserError, match=r"ledger.jsonl is broken at line 2"):
        verify_ledger(run)


@pytest.mark.parametrize("line", ["", "3", "[]", "{}", '{"unit":NaN,"manifest":{}}', "\ufffd{"])
def test_a_line_that_is_none_is_named(run, line):
    lines = (run / "ledger.jsonl").read_text().splitlines()
    (run / "ledger.jsonl").write_text("\n".join([lines[0], line, lines[2]]) + "\n")
    with pytest.raises(UserError, match=r"ledger.jsonl is broken at line 2"):
        verify_ledger(run)


def test_removed_and_swapped_links_are_named(run):
    first, second, third = links(run)
    rewrite(run, [first, third])
    with pytest.raises(UserError, match="broken at line 2"):
        verify_ledger(run)
    rewrite(run, [second, first, third])
    with pytest.raises(UserError, match="broken at line 1"):
        verify_ledger(run)
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
