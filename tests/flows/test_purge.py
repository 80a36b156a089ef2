"""A run whose forget set is purged: what its commands still do, and what they say where they cannot."""

import json
import shutil

import pytest

from flows.verify import verify_command
from tests.flows.test_release import TINY, digests, ended
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.prefect

FORGET_SET = "forget-set/forget-set.jsonl"
TIMED = {"ledger.jsonl", "certificate.json", "certificate.md", "report.html", ".lock", FORGET_SET}


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """The run, the exit codes of all commands, and its files before the purge."""
    folder = tmp_path_factory.mktemp("purged")
    base = make_tiny_model(folder / "model", chat=False)
    settings = ["--runs-dir", str(folder / "runs"), "--model.path", str(base), *TINY]
    run = folder / "runs" / "tiny"
    ends = ended(settings, {"main": ["main"]})
    assert ends["main"][0] in (0, 3), ends["main"]
    shutil.copytree(run, folder / "before")
    commands = {
        "purge": ["main", "--purge-forget-set"],
        "again": ["main"],
        "assess": ["assess_command", "--assess.probes", "[membership]"],
        "reveal": ["reveal_command"],
    }
    return run, ends | ended(settings, commands), folder / "before"


def test_a_run_that_ended_earlier_is_purged_and_every_other_result_stays(story):
    run, ends, before = story
    assert ends["purge"][0] == ends["main"][0], ends["purge"]
    rows = [json.loads(line) for line in (before / FORGET_SET).read_text().splitlines()]
    texts = {row["raw"] for row in rows if len(row["raw"]) > 20}
    assert texts
    left = "".join(path.read_bytes().decode("latin-1") for path in run.rglob("*") if path.is_file())
    assert not [text for text in texts if text in left or json.dumps(text)[1:-1] in left]
    old, new = digests(before), digests(run)
    assert {name for name in old if new.get(name) != old[name]} <= TIMED


def test_the_same_command_answers_from_the_store(story):
    run, ends, _ = story
    code, out, err = ends["again"]
    assert code == ends["main"][0], err
    assert "verdict" in out
    assert not (run / FORGET_SET).exists()


@pytest.mark.parametrize("command", ["assess", "reveal"])
def test_what_needs_the_data_says_that_they_were_purged(story, command):
    code, _, err = story[1][command]
    assert code == 2
    (sentence,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert f"{FORGET_SET} was purged on" in sentence
    assert "Traceback" not in err


def test_it_verifies_as_purged(story, capsys):
    run, _, _ = story
    assert verify_command([str(run)]) == 0
    assert f"as recorded: {FORGET_SET}" in capsys.readouterr().out
