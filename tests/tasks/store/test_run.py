import os
import stat

import pytest
import yaml

from tasks.settings.errors import UserError
from tasks.store.keys import Unit
from tasks.store.run import Run

GIVEN = {"target": "toxicity"}
RESOLVED = {
    "target": "toxicity",
    "seed": 7,
    "search": {"rounds": 5, "rate": 1e-05},
    "deadline_s": 60,
    "words": ("a", "é"),
}


def changed(**changes):
    return RESOLVED | changes


def test_settings_are_recorded_as_given_and_as_resolved(tmp_path):
    run = Run.open(tmp_path / "runs", "toxicity-s7", GIVEN, RESOLVED, ignore={"deadline_s"})
    assert run.name == "toxicity-s7"
    assert run.path == tmp_path / "runs" / "toxicity-s7"
    settings = run.path / "settings.yaml"
    assert yaml.safe_load(settings.read_text()) == {"given": GIVEN, "resolved": RESOLVED | {"words": ["a", "é"]}}
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700


def test_a_run_is_returned_to_with_equal_settings(tmp_path):
    Run.open(tmp_path, "a", GIVEN, RESOLVED)
    before = (tmp_path / "a" / "settings.yaml").read_bytes()
    Run.open(tmp_path, "a", {}, changed(deadline_s=90), ignore={"deadline_s"})
    assert (tmp_path / "a" / "settings.yaml").read_bytes() == before


@pytest.mark.parametrize("method", [Run.open, Run.peek])
def test_other_settings_are_refused_by_name(tmp_path, method):
    Run.open(tmp_path, "a", GIVEN, RESOLVED)
    resolved = changed(seed=8, search={"rounds": 5, "rate": 0.1}, deadline_s=90)
    with pytest.raises(UserError) as caught:
        method(tmp_path, "a", GIVEN, resolved, ignore={"deadline_s"})
    assert str(caught.value) == (
        f"run a in {tmp_path} was begun with other settings (search.rate was 1e-05, is now 0.1; seed was 7, is now 8): "
        "choose another run name or go back to these settings"
    )


@pytest.mark.parametrize("name", ["", "A", "a_b", "a/b", "..", "x" * 61, "a\n"])
def test_names(tmp_path, name):
    with pytest.raises(UserError, match=r"run name .* cannot be used"):
        Run.open(tmp_path, name, {}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", [Run.open, Run.peek])
def test_what_is_no_run_is_left_alone(tmp_path, method):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("x")
    (tmp_path / "file").write_text("x")
    for name in ("photos", "file"):
        with pytest.raises(UserError, match=f"{tmp_path}/{name} is not a run"):
            method(tmp_path, name, {}, {})
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.jpg", "file", "photos"]


def test_a_run_killed_while_its_settings_were_written(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".settings.yaml.tmp").write_text("resolved: {se")
    (tmp_path / "a" / ".lock").write_text("")
    Run.open(tmp_path, "a", GIVEN, RESOLVED)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [".lock", "settings.yaml"]


@pytest.mark.parametrize("text", ["a: [", "", "given: {}", "resolved: 3", "- 1", "\x00"])
def test_damaged_settings_are_named(tmp_path, text):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "settings.yaml").write_text(text)
    with pytest.raises(UserError, match=f"{tmp_path}/a/settings.yaml is damaged"):
        Run.open(tmp_path, "a", GIVEN, RESOLVED)


def test_peek_creates_nothing(tmp_path):
    unit = Unit("search", 1, {}, 0, {})
    run = Run.peek(tmp_path / "runs", "a", GIVEN, RESOLVED)
    assert run.find(unit) is None
    assert list(tmp_path.iterdir()) == []


def test_a_runs_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match=f"cannot write in {tmp_path}/runs/a: "):
        Run.open(tmp_path / "runs", "a", GIVEN, RESOLVED)


def test_a_runs_folder_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("permissions do not bind this user")
    with pytest.raises(UserError, match="Permission denied"):
        Run.open(tmp_path, "a", GIVEN, RESOLVED)


def test_units_live_in_the_run(tmp_path):
    unit = Unit("step-01/forget-adapter", 1, {"rank": 4}, 0, {})
    run = Run.open(tmp_path, "a", GIVEN, RESOLVED)
    assert run.find(unit) is None
    with run.write(unit) as writer:
        (writer.path / "weights").write_text("x")
    assert run.folder(unit) == tmp_path / "a" / "step-01" / "forget-adapter"
    assert run.find(unit) == writer.ref
    assert writer.ref.folder == run.folder(unit)


def test_a_setting_that_came_later_counts_as_its_default(tmp_path):
    before = {"seed": 7, "search": {"rate": 0.1}}
    defaults = {"seed": 0, "search": {"rate": 0.5, "rounds": 2}, "words": []}
    Run.open(tmp_path, "a", {}, before)
    now = {"seed": 7, "search": {"rate": 0.1, "rounds": 2}, "words": []}
    assert Run.open(tmp_path, "a", {}, now, defaults=defaults).name == "a"
    with pytest.raises(UserError, match=r"search\.rounds was 2, is now 3"):
        Run.open(tmp_path, "a", {}, now | {"search": {"rate": 0.1, "rounds": 3}}, defaults=defaults)
    with pytest.raises(UserError, match=r"search\.rate was 0\.1, is now 0\.5"):
        Run.peek(tmp_path, "a", {}, defaults | {"seed": 7}, defaults=defaults)
