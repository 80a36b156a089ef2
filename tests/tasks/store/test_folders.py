import errno
import itertools
import json
import os
import shutil
import signal
import stat
import sys
from unittest.mock import Mock

import pytest

from tasks.settings.errors import UserError
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef, find_unit, verify_folder, write_unit
from tasks.store.keys import Unit

PARENT = Unit("search", 1, {}, 0, {})
UNIT = Unit("step-01", 1, {"rank": 4, "rate": 0.1}, 7, {"device": "cpu"}, (PARENT,), {"model": "aa"})
INNER = Unit("step-01/forget-adapter", 1, {}, 0, {})
ROUNDS = 3


def work(folder, *, resume=False, unit=UNIT):
    """A unit that checkpoints each round, and whose result needs every round exactly once; returns rounds done now."""
    done = 0
    with write_unit(folder, unit, resume=resume) as writer:
        checkpoint = writer.path / ".checkpoint" / "state.json"
        checkpoint.parent.mkdir(exist_ok=True)
        rounds = json.loads(checkpoint.read_text()) if checkpoint.exists() else []
        while len(rounds) < ROUNDS:
            rounds.append(len(rounds))
            done += 1
            write_file(checkpoint, json.dumps(rounds))
        (writer.path / "weights").mkdir(exist_ok=True)
        with (writer.path / "weights" / "a.bin").open("wb") as file:
            file.write(bytes(rounds))
            file.flush()
            sys.audit("test.half_written")
            file.write(bytes(5000))
        (writer.path / "log.txt").write_text("done")
        writer.scores["rounds"] = len(rounds)
    return done


def leave_unfinished(folder, *, resume=True, unit=UNIT):
    """The same unit, raising after its second round."""
    with write_unit(folder, unit, resume=resume) as writer:
        (writer.path / ".checkpoint").mkdir()
        write_file(writer.path / ".checkpoint" / "state.json", "[0, 1]")
        raise KeyError("round 3")


def files(folder):
    """Every file's bytes; of a manifest, all but the times."""
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in contents:
        if name.endswith("manifest.json"):
            manifest = json.loads(contents[name])
            contents[name] = {field: manifest[field] for field in manifest.keys() - {"started", "ended", "cpu_seconds"}}
    return contents


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_unit_is_written_once_and_found_again(tmp_path):
    folder = tmp_path / "step-01"
    assert find_unit(folder, UNIT) is None
    work(folder)
    found = find_unit(folder, UNIT)
    assert found == UnitRef(folder, UNIT.key)
    assert files(folder).keys() == {"weights/a.bin", "log.txt", "manifest.json"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-01"]
    verify_folder(found)
    verify_folder(folder)


def test_the_manifest_says_what_was_done_with_what(tmp_path):
    work(tmp_path / "step-01")
    manifest = UnitRef(tmp_path / "step-01", UNIT.key).manifest()
    assert manifest["unit"] == "step-01"
    assert manifest["key"] == UNIT.key
    assert manifest["identity"] == UNIT.identity()
    assert manifest["identity"]["parents"] == {"search": PARENT.key}
    assert manifest["files"]["log.txt"] == {
        "size": 4,
        "sha256": "a4c3ed04a95a3da14a9d235c83d868bed7c0f45cf7f3faa751ee8f50598d2211",
    }
    assert manifest["scores"] == {"rounds": 3}
    assert manifest["started"] < manifest["ended"]
    assert manifest["cpu_seconds"] >= 0
    assert manifest.keys() >= {"revision", "packages", "host"}


def test_results_are_private(tmp_path):
    folder = tmp_path / "runs" / "a" / "step-01"
    before = os.umask(0)
    try:
        with write_unit(folder, UNIT) as writer:
            assert mode(writer.path) == 0o700
            (writer.path / "weights").mkdir()
            (writer.path / "weights" / "a.bin").write_text("x")
    finally:
        os.umask(before)
    for path in [tmp_path / "runs", tmp_path / "runs" / "a", folder, folder / "weights"]:
        assert mode(path) == 0o700
    for path in [folder / "manifest.json", folder / "weights" / "a.bin"]:
        assert mode(path) == 0o600


def test_units_inside_a_unit_are_not_its_matter(tmp_path):
    work(tmp_path / "step-01" / "forget-adapter", unit=INNER)
    assert find_unit(tmp_path / "step-01", UNIT) is None
    work(tmp_path / "step-01")
    assert find_unit(tmp_path / "step-01" / "forget-adapter", INNER)
    (tmp_path / "step-01" / "forget-adapter" / "log.txt").write_text("else")
    assert find_unit(tmp_path / "step-01", UNIT)
    with pytest.raises(UserError, match=r"forget-adapter/log.txt is damaged"):
        find_unit(tmp_path / "step-01" / "forget-adapter", INNER)


@pytest.mark.parametrize("content", [b"dome", b"don", b"", None])
def test_a_damaged_file_is_named(tmp_path, content):
    work(tmp_path / "step-01")
    path = tmp_path / "step-01" / "log.txt"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    for check in (lambda: find_unit(tmp_path / "step-01", UNIT), lambda: verify_folder(tmp_path / "step-01")):
        with pytest.raises(UserError, match=f"{path} is {'missing' if content is None else 'damaged'}"):
            check()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"rank": 4', '"rank": 8'),
        lambda text: text.replace(f'"key": "{UNIT.key}"', '"key": "00"'),
        lambda text: text.replace('"files": {', '"files": 3, "other": {'),
        lambda text: text.replace('"cpu"', "NaN"),
        lambda text: text.replace('"ended": "', '"ended": 3, "other": "'),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path, damage):
    work(tmp_path / "step-01")
    path = tmp_path / "step-01" / "manifest.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError, match=f"{path} is damaged or missing"):
        find_unit(tmp_path / "step-01", UNIT)


def test_a_damaged_entry_of_the_manifest_is_a_damaged_file(tmp_path):
    work(tmp_path / "step-01")
    path = tmp_path / "step-01" / "manifest.json"
    path.write_text(path.read_text().replace('"size": 4', '"sise": 4'))
    with pytest.raises(UserError, match=r"log.txt is damaged"):
        find_unit(tmp_path / "step-01", UNIT)


def test_another_key_is_refused_with_everything_that_differs(tmp_path):
    work(tmp_path / "step-01")
    other_parent = Unit("search", 2, {}, 0, {})
    other = Unit("step-01", 2, {"rank": 8, "rate": 0.1}, 9, {"device": "cuda"}, (other_parent,), {"model": "bb"})
    with pytest.raises(UserError) as caught:
        find_unit(tmp_path / "step-01", other)
    assert str(caught.value) == (
        f"{tmp_path}/step-01 was made with other settings ("
        'environment.device was "cpu", is now "cuda"; outside.model was "aa", is now "bb"; '
        f'parents.search was "{PARENT.key}", is now "{other_parent.key}"; '
        "seed was 7, is now 9; settings.rank was 4, is now 8; version was 1, is now 2): "
        "choose another run name or remove it"
    )


def test_work_that_raises_leaves_nothing(tmp_path):
    with pytest.raises(KeyError):
        leave_unfinished(tmp_path / "step-01", resume=False)
    assert list(tmp_path.iterdir()) == []


def test_resumable_work_that_raises_is_continued(tmp_path):
    folder = tmp_path / "step-01"
    with pytest.raises(KeyError):
        leave_unfinished(folder)
    assert find_unit(folder, UNIT) is None
    assert work(folder, resume=True) == 1


@pytest.mark.parametrize("leftover", ["other key", "no key", "not resumed"])
def test_what_another_attempt_left_does_not_leak(tmp_path, leftover):
    folder = tmp_path / "step-01"
    unit = Unit("step-01", 2, {}, 0, {}) if leftover == "other key" else UNIT
    with pytest.raises(KeyError):
        leave_unfinished(folder, unit=unit)
    (tmp_path / "step-01.partial" / "stale").write_text("x")
    if leftover == "no key":
        (tmp_path / "step-01.partial" / ".key").unlink()
    assert work(folder, resume=leftover != "not resumed") == ROUNDS
    assert files(folder).keys() == {"weights/a.bin", "log.txt", "manifest.json"}


def test_a_half_removed_attempt_is_not_continued(tmp_path, monkeypatch):
    folder = tmp_path / "step-01"
    with pytest.raises(KeyError):
        leave_unfinished(folder)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            work(folder)
    assert work(folder, resume=True) == ROUNDS


def test_hidden_files_are_no_result(tmp_path):
    with write_unit(tmp_path / "step-01", UNIT) as writer:
        (writer.path / ".checkpoint").mkdir()
        for name in (".checkpoint/a", ".hidden", "kept"):
            (writer.path / name).write_text("x")
    assert sorted(path.name for path in (tmp_path / "step-01").iterdir()) == ["kept", "manifest.json"]
    assert find_unit(tmp_path / "step-01", UNIT).manifest()["files"].keys() == {"kept"}


def test_scores_that_are_no_numbers_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"), write_unit(tmp_path / "step-01", UNIT) as writer:
        writer.scores["perplexity"] = float("inf")
    assert list(tmp_path.iterdir()) == []


def test_our_own_faults(tmp_path):
    with pytest.raises(AssertionError, match="the store's to write"), write_unit(tmp_path / "a", UNIT) as writer:
        (writer.path / "manifest.json").write_text("{}")
    (tmp_path / "outside").write_text("x")
    with pytest.raises(AssertionError, match="is a link"), write_unit(tmp_path / "a", UNIT) as writer:
        (writer.path / "link").symlink_to(tmp_path / "outside")
    work(tmp_path / "a")
    with pytest.raises(AssertionError, match="complete already"):
        work(tmp_path / "a")


@pytest.mark.parametrize("function", ["open", "fsync", "replace", "rename", "mkdir"])
def test_a_full_disk_is_the_users_matter_and_can_be_continued(tmp_path, monkeypatch, function):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = tmp_path / "step-01"
    with monkeypatch.context() as patch:
        patch.setattr(os, function, refuse)
        with pytest.raises(UserError, match=f"cannot write in {folder}.*: No space left on device; make room"):
            work(folder, resume=True)
    assert find_unit(folder, UNIT) is None
    work(folder, resume=True)
    assert find_unit(folder, UNIT)


def test_a_file_in_the_place_of_the_run(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match=f"cannot write in {tmp_path}/runs/"):
        work(tmp_path / "runs" / "step-01")


def in_child(action, *, kill_at):
    """Run ``action`` in a child that kills itself at its n-th touch of the disk; return whether it came to the end.

    Python reports every file it opens, moves, removes and so on to an audit hook, before it does so.
    """
    child = os.fork()
    if child == 0:
        touched = 0

        def hook(event, _):
            nonlocal touched
            if event.startswith(("open", "os.", "shutil.", "test.")) and event != "os.kill":
                touched += 1
                if touched > kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            sys.addaudithook(hook)
            action()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return status == 0


@pytest.fixture
def no_sync(monkeypatch):
    """Waiting for the disk guards against a power cut; a killed process loses nothing that it has written."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def begin(folder, nested):
    """The folder of the unit, with another unit complete inside it or not there at all."""
    if nested:
        with write_unit(folder / "forget-adapter", INNER) as writer:
            (writer.path / "weights").write_text("x")
    return folder


@pytest.mark.parametrize("resume", [False, True], ids=["from the start", "from the checkpoint"])
@pytest.mark.parametrize("nested", [False, True], ids=["renamed", "moved"])
def test_killed_at_any_instant_and_started_again_gives_the_same_bytes(tmp_path, no_sync, resume, nested):
    work(begin(tmp_path / "whole" / "step-01", nested), resume=resume)
    expected = files(tmp_path / "whole")
    fewest = ROUNDS
    for kill_at in itertools.count():
        folder = begin(tmp_path / str(kill_at) / "step-01", nested)
        ended = in_child(lambda folder=folder: work(folder, resume=resume), kill_at=kill_at)
        if find_unit(folder, UNIT) is None:
            fewest = min(fewest, work(folder, resume=resume))
        assert files(folder.parent) == expected
        if ended:
            break
    assert kill_at > 20
    assert fewest == (0 if resume else ROUNDS)


@pytest.mark.parametrize("resume", [False, True], ids=["from the start", "from the checkpoint"])
@pytest.mark.parametrize("nested", [False, True], ids=["renamed", "moved"])
def test_killed_again_and_again_gives_the_same_bytes(tmp_path, no_sync, resume, nested):
    work(begin(tmp_path / "whole" / "step-01", nested), resume=resume)
    folder = begin(tmp_path / "killed" / "step-01", nested)
    kills = itertools.count()
    while find_unit(folder, UNIT) is None:
        in_child(lambda: work(folder, resume=resume), kill_at=next(kills))
    assert next(kills) > 20
    assert files(folder.parent) == files(tmp_path / "whole")


def test_a_publication_that_another_version_was_killed_in_leaves_nothing(tmp_path, no_sync):
    """The older version's result had a file that the newer one's has not; it was moved before the kill."""
    older = Unit("step-01", 0, {}, 0, {})
    folder = tmp_path / "step-01"

    def write_older():
        with write_unit(folder, older) as writer:
            for name in ("extra", "log.txt"):
                (writer.path / name).write_text("x")

    work(folder / "forget-adapter", unit=INNER)
    kill_at = 0
    while not (folder / "extra").exists():
        assert not in_child(write_older, kill_at=kill_at)
        kill_at += 1
    work(folder)
    assert not (folder / "extra").exists()
    assert find_unit(folder, UNIT)
    assert find_unit(folder / "forget-adapter", INNER)
