"""A comparison from the command line, on a run of seconds that another test file has made already."""

import csv
import json
import shutil

import pytest

from benchmarks.plainly import without_prefect
from tasks.store.ledger import verify_ledger
from tests.flows.conftest import SMALL, run_command
from tests.flows.test_reveal_release import contents, ends

pytestmark = [pytest.mark.prefect, pytest.mark.lab]

ASKED = (
    *SMALL,
    *("--compare.methods", "[grad-diff, negation]", "--compare.true-data", "[negation]", "--compare.trials", "2"),
    *("--assess.probes", "[membership]"),
)
ROWS = ["reveal-release", "grad-diff", "negation", "negation-true-data"]


def compare(runs_dir, *arguments):
    return run_command("--runs-dir", str(runs_dir), *ASKED, *arguments, module="flows.compare")


@pytest.fixture(scope="module")
def compared(tmp_path_factory, small_run):
    runs_dir = tmp_path_factory.mktemp("compared")
    shutil.copytree(small_run[0], runs_dir / small_run[0].name)
    return runs_dir, compare(runs_dir)


def read(runs_dir):
    return json.loads((runs_dir / "compare-lab-toxicity" / "comparison.json").read_text())


def test_each_method_has_a_row_measured_as_the_run_is(compared):
    runs_dir, done = compared
    assert done.returncode == 0, done.stdout + done.stderr
    result, summary = read(runs_dir), json.loads((runs_dir / "lab-toxicity-s0/summary.json").read_text())
    assert [row["label"] for row in result["rows"]] == ROWS
    assert result["missing"] == []
    own, *others = result["rows"]
    assert own["forget"]["after"] == summary["forget"]["after"]
    for row in others:
        assert row["forget"]["before"] == summary["forget"]["before"]
        assert set(row["utility"]) == set(summary["utility"])
        assert set(row["quantised"]) == {"int8_row", "int4_g64"}
        assert row["durability"]["membership"]["loss"] > 0
        assert row["cost"]["updates"] > 0
        assert [trial["chosen"] for trial in row["trials"]].count(True) == 1
        chosen = next(trial for trial in row["trials"] if trial["chosen"])
        assert row["settings"] == chosen["settings"]
    verify_ledger(runs_dir / "lab-toxicity-s0")


def test_table_plot_and_page_are_written(compared):
    runs_dir, done = compared
    folder = runs_dir / "compare-lab-toxicity"
    assert str(folder / "compare.html") in done.stdout
    with (folder / "comparison.csv").open(newline="") as lines:
        assert [line["label"] for line in csv.DictReader(lines)] == ROWS
    assert "GradDiff" in (folder / "comparison.md").read_text()
    assert "GradDiff" in (folder / "compare.html").read_text()


def test_the_model_is_the_best_trials(compared):
    """It is made again: its weights must be those that the trial was measured with."""
    runs_dir, _ = compared
    run = runs_dir / "lab-toxicity-s0" / "compare/grad-diff"
    choice = json.loads((run / "best-of-02/model/choice.json").read_text())
    trial = json.loads((run / f"trial-{choice['trial']:02d}/trial.json").read_text())
    assert (choice["knobs"], choice["spent"]) == (trial["knobs"], trial["spent"])

    from tasks.models.language_model import load_language_model
    from tasks.models.likelihood import nll_per_token
    from tasks.models.pair_file import read_pairs

    pairs = read_pairs(run.parents[1] / "forget-set/forget-set.jsonl", "held_out")
    nll = nll_per_token(load_language_model(run / "best-of-02/model"), pairs, batch_size=128)
    assert float(nll.mean()) == pytest.approx(trial["scores"]["own_nll"], abs=1e-4)


def test_it_answers_from_the_store(compared):
    runs_dir, _ = compared
    run = runs_dir / "lab-toxicity-s0"
    ended, files = ends(run), contents(run)
    assert compare(runs_dir).returncode == 0
    assert (ends(run), contents(run)) == (ended, files)
    plan = run_command("--runs-dir", str(runs_dir), *ASKED, "--plan", module="flows.compare").stdout.splitlines()
    assert [line for line in plan if "compare/" in line and not line.endswith("done")] == []


def test_a_budget_is_spent_by_the_clock_and_none_never_is(monkeypatch):
    from flows import compare as flow

    moments = iter([0.0, 1.0])
    monkeypatch.setattr(flow, "monotonic", lambda: next(moments, 1e9))
    budget = flow.Budget(1)
    budget.require()
    with pytest.raises(flow.NotCompared, match="1 minutes"):
        budget.require()
    flow.Budget(0).require()


def test_with_a_spent_budget_what_is_finished_has_its_row_and_what_is_not_is_listed(compared, monkeypatch):
    from flows import compare as flow
    from flows.command_line import read_arguments

    def missing(trials):
        arguments = ("--runs-dir", str(compared[0]), *ASKED, "--compare.trials", trials)
        settings = read_arguments(arguments, program="", description="").settings
        moments = iter([0.0])
        monkeypatch.setattr(flow, "monotonic", lambda: next(moments, 1e9))
        with without_prefect():
            return dict(flow.compare_on(settings, flow.Budget(1)))

    assert missing("2") == {}
    assert set(missing("3")) == {"grad-diff", "negation", "negation-true-data"}
    assert "budget of 1 minutes" in missing("3")["negation"]
