"""Reveal alone: `python -m flows.reveal` writes the forget set and stops; a release goes on from there."""

import json
import stat

import pytest

from tests.flows.conftest import SMALL, run_command

pytestmark = [pytest.mark.prefect, pytest.mark.lab]


@pytest.fixture(scope="module")
def revealed(tmp_path_factory):
    runs_dir = tmp_path_factory.mktemp("revealed")
    return runs_dir, run_command("--runs-dir", str(runs_dir), *SMALL, module="flows.reveal")


def test_it_writes_the_forget_set_and_stops(revealed):
    runs_dir, done = revealed
    assert done.returncode == 0, done.stderr
    run = runs_dir / "lab-toxicity-s0"
    assert {path.name for path in run.iterdir() if not path.name.startswith(".")} == {
        "settings.yaml",
        "search",
        "forget-set",
    }
    rows = [json.loads(line) for line in (run / "forget-set" / "forget-set.jsonl").read_text().splitlines()]
    assert {"train", "held_out"} == {row["split"] for row in rows}
    assert f"{len(rows)} distinct pairs" in done.stdout
    assert stat.S_IMODE((run / "forget-set" / "forget-set.jsonl").stat().st_mode) == 0o600


def test_what_it_revealed_is_shown_in_numbers_only(revealed):
    runs_dir, done = revealed
    lines = (runs_dir / "lab-toxicity-s0" / "forget-set" / "forget-set.jsonl").read_text().splitlines()
    responses = {json.loads(line)["response"] for line in lines}
    assert not [text for text in responses if text in done.stdout + done.stderr]


def test_a_release_goes_on_from_it(revealed):
    runs_dir, _ = revealed
    manifests = [runs_dir / "lab-toxicity-s0" / unit / "manifest.json" for unit in ("search", "forget-set")]
    before = [path.read_bytes() for path in manifests]
    done = run_command("--runs-dir", str(runs_dir), *SMALL)
    assert done.returncode in (0, 3), done.stderr
    assert [path.read_bytes() for path in manifests] == before
    assert (runs_dir / "lab-toxicity-s0" / "summary.json").exists()


def test_help_names_the_command():
    done = run_command("--help", module="flows.reveal")
    assert done.returncode == 0
    assert "python -m flows.reveal " in done.stdout
