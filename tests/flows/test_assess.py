"""Recovery tests from the command line: of another model than the run's, and after a run."""

import importlib.util
import json
import shutil

import pytest

from tasks.lab.model import find_lab_model, lab_unit
from tasks.store.ledger import verify_ledger
from tests.flows.conftest import SMALL, run_command
from tests.flows.test_reveal_release import contents, ends
from tests.tiny_model import make_tiny_model

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


@pytest.mark.lm_eval
@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-evaluation-harness is not installed")
def test_models_are_put_to_a_benchmark_without_a_search(tmp_path):
    rows = [{"q": "hello", "a": ["please", "stone"], "label": i % 2} for i in range(4)]
    (tmp_path / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "words.yaml").write_text(f"""
task: words
dataset_path: json
dataset_kwargs: {{data_files: {{test: {tmp_path / "words.jsonl"}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{q}}}}"
doc_to_choice: "{{{{a}}}}"
doc_to_target: label
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
""")
    models = [make_tiny_model(tmp_path / name, chat=False, seed=seed) for seed, name in enumerate(("one", "other"))]
    arguments = ["--preset", "stories-word", "--model.path", str(models[0]), "--assess.checkpoint", str(models[1])]
    arguments += ["--lm-eval", "words", "--assess.lm-eval-folder", str(tmp_path), "--assess.probes", "[]"]
    done = assess(tmp_path / "runs", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "runs" / "stories-word-s0"
    (written,) = run.glob("durability-checkpoint-*.json")
    # The same question with either answer as the right one: whatever a model prefers, half of it is right.
    metric = {"before": 0.5, "after": 0.5, "gold": None, "better": "higher", "n": 4}
    assert json.loads(written.read_text())["benchmarks"] == {"words": {"acc": metric}}
    assert "Benchmarks of lm-evaluation-harness" in done.stdout
    assert not (run / "search").exists()
    verify_ledger(run)


def test_help_names_the_command():
    done = run_command("--help", module="flows.assess")
    assert done.returncode == 0
    assert "python -m flows.assess " in done.stdout
