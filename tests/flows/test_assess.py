"""Recovery tests from the command line: of another model than the run's, and after a run."""

import json
import shutil

import pytest

from tasks.lab.model import find_lab_model, lab_unit
from tasks.store.ledger import verify_ledger
from tests.flows.conftest import SMALL, run_command
from tests.flows.test_reveal_release import contents, ends

pytestmark = [pytest.mark.prefect, pytest.mark.lab]

QUICK = (
    *SMALL,
    *("--assess.relearning-samples", "4", "--assess.relearning-steps", "2", "--assess.extraction-queries", "2"),
)


def assess(runs_dir, *arguments):
    return run_command("--runs-dir", str(runs_dir), *arguments, module="flows.assess")


@pytest.fixture(scope="module")
def compared(tmp_path_factory, small_run):
    """The lab model against itself, without a run: nothing was forgotten."""
    runs_dir = tmp_path_factory.mktemp("assessed")
    arguments = (*QUICK, "--assess.checkpoint", str(find_lab_model(lab_unit(0)).folder))
    return runs_dir, arguments, assess(runs_dir, *arguments)


def test_any_two_models_are_compared_without_a_run(compared):
    runs_dir, _, done = compared
    assert done.returncode == 0, done.stdout + done.stderr
    run = runs_dir / "lab-toxicity-s0"
    (written,) = run.glob("durability-checkpoint-*.json")
    assert str(written) in done.stdout
    assert "Relearning" in done.stdout
    result = json.loads(written.read_text())
    assert result["relearning"]["forget"]["0"]["before"] >= 0.9
    # The same model twice, the same draws: so the same numbers.
    metrics = [*result["relearning"]["forget"].values(), *result["membership"].values()]
    metrics += [*result["extraction"]["fresh"].values(), *result["extraction"]["saved"].values()]
    assert all(metric["before"] == metric["after"] for metric in metrics)
    assert result["extraction"]["saved"]["relevance"]["after"] > 0
    assert not (run / "summary.json").exists()
    verify_ledger(run)


def test_it_answers_from_the_store(compared):
    runs_dir, arguments, _ = compared
    run = runs_dir / "lab-toxicity-s0"
    ended, files = ends(run), contents(run)
    assert assess(runs_dir, *arguments).returncode == 0
    assert (ends(run), contents(run)) == (ended, files)
    plan = assess(runs_dir, *arguments, "--plan").stdout.splitlines()
    assert all(line.endswith("done") for line in plan)


def test_what_was_revealed_is_neither_printed_nor_in_the_result(compared):
    runs_dir, _, done = compared
    run = runs_dir / "lab-toxicity-s0"
    rows = [json.loads(line) for line in (run / "forget-set" / "forget-set.jsonl").read_text().splitlines()]
    written = "".join(path.read_text() for path in run.glob("durability*.json"))
    assert not [row for row in rows if row["response"] in done.stdout + done.stderr + written]


def test_after_a_run_it_enters_the_summary_and_stays_there(small_run, tmp_path):
    run = tmp_path / small_run[0].name
    shutil.copytree(small_run[0], run)  # Other tests compare the whole run.
    before = json.loads((run / "summary.json").read_text())
    assert before["last_step"] > 0
    done = assess(run.parent, *QUICK, "--assess.probes", "[membership]")
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((run / "summary.json").read_text())
    assert set(summary["durability"]) == {"membership"}
    assert {name: value for name, value in summary.items() if name != "durability"} == before
    assert "Membership inference was not tried" not in (run / "report.html").read_text()
    verify_ledger(run)
    assert run_command("--runs-dir", str(run.parent), *SMALL).returncode == 3
    assert json.loads((run / "summary.json").read_text()) == summary


def test_help_names_the_command():
    done = run_command("--help", module="flows.assess")
    assert done.returncode == 0
    assert "python -m flows.assess " in done.stdout
