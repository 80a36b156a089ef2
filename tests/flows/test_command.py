"""Bad input at the door: one sentence, exit code 2, and nothing left behind."""

import importlib.util
import json
import os
import signal
from types import SimpleNamespace

import pytest
import torch
from prefect.exceptions import TerminationSignal

from flows.command import assess_command, flow_outcome, main
from flows.command_line import read_arguments
from flows.opening import open_run
from flows.run_settings import RunSettings
from tasks.settings.errors import UserError
from tests.tiny_model import make_tiny_model

STORIES = ["--preset", "stories-word"]


@pytest.fixture
def model(tmp_path):
    return make_tiny_model(tmp_path / "model", chat=False)


def planned_units(out: str) -> list[str]:
    """The lines of units in what `--plan` prints, which follow memory and time."""
    return out.rpartition("\n\n")[2].splitlines()


@pytest.fixture
def refused(tmp_path, capsys):
    """Runs a command that must be refused; returns the sentence."""

    def run(*arguments: str, command=main) -> str:
        runs_dir = tmp_path / "runs"
        capsys.readouterr()  # What making a model has printed.
        assert command(["--runs-dir", str(runs_dir), *arguments]) == 2
        assert not runs_dir.exists(), "a refused run left something behind"
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        return err

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--no-such-flag"], "--no-such-flag is not a flag"),
        (["--preset", "nope"], "preset is 'nope'"),
        (["--release.steps", "0"], "release.steps is 0"),
        (["--name", "Not A Name"], "run name 'Not A Name'"),
        (["--model.device", "cuda"], "model.device is cuda"),
        (["--measure.report-prompts", "500"], "measure.report_prompts is 500"),
        ([*STORIES], "model.path is lab"),
        (["--model.path", "some/folder"], "target.kind is toxicity"),
        ([*STORIES, "--model.path", "no/such/folder"], "no/such/folder"),
        ([*STORIES, "--model.path", ".", "--lab.gold"], "lab.gold is set"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(refused, arguments, words):
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert words in refused(*arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "run lab-toxicity-s0 in"),
        (["--assess.probes", "[guessing]"], "assess.probes.0 is 'guessing'"),
        (["--assess.relearning-steps", "0"], "assess.relearning_steps is 0"),
        (["--assess.checkpoint", "no/such/folder"], "assess.checkpoint is 'no/such/folder', which is no folder"),
    ],
)
def test_an_assessment_of_nothing_is_refused(refused, arguments, words):
    assert words in refused(*arguments, command=assess_command)


def test_a_run_that_kept_no_step_has_no_model_to_assess(tmp_path, capsys):
    run = tmp_path / "lab-toxicity-s0"
    open_run(read_arguments(["--runs-dir", str(tmp_path)], program="", description="").settings)
    (run / "summary.json").write_text(json.dumps({"last_step": 0}))
    assert assess_command(["--runs-dir", str(tmp_path)]) == 2
    assert "run lab-toxicity-s0 kept no step" in capsys.readouterr().err


def test_the_plan_of_an_assessment_names_every_probe_of_every_model(tmp_path, model, capsys):
    base = ["--runs-dir", str(tmp_path / "runs"), *STORIES, "--model.path", str(model), "--plan"]
    other = make_tiny_model(tmp_path / "other", chat=False, seed=1)

    def keys(*arguments: str) -> dict[str, str]:
        assert assess_command([*base, "--assess.checkpoint", str(other), *arguments]) == 0
        return {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()}

    before = keys()
    probed = {name for name in before if name.startswith("assess/")}
    assert len(probed) == 3 * 2
    assert {"search", "forget-set", "assess/membership/original", "assess/extraction/original"} <= set(before)
    changed = keys("--assess.relearning-samples", "4")
    assert {name for name in before if changed[name] != before[name]} == {
        name for name in before if name.startswith("assess/relearning/")
    }
    assert set(keys("--assess.probes", "[membership]")) == set(before) - {
        name for name in probed if "membership" not in name
    }
    assert not (tmp_path / "runs").exists()


def test_the_plan_of_an_assessment_names_benchmarks_alone_where_no_probe_is_wanted(
    tmp_path, model, capsys, monkeypatch
):
    base = ["--runs-dir", str(tmp_path / "runs"), *STORIES, "--model.path", str(model), "--assess.probes", "[]"]
    other = make_tiny_model(tmp_path / "other", chat=False, seed=1)

    def keys(digest: str, *arguments: str) -> dict[str, str]:
        monkeypatch.setattr("tasks.assess.lm_eval_harness.harness_digest", lambda _: digest)
        assert assess_command([*base, "--assess.checkpoint", str(other), "--plan", *arguments]) == 0
        return {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()}

    before = keys("0", "--lm-eval", "gsm8k")
    assert [name.rpartition("/")[0] for name in before] == ["assess/lm-eval/gsm8k"] * 2
    assert before.items() < keys("0", "--lm-eval", "gsm8k,ifeval").items()
    assert not before.items() & keys("1", "--lm-eval", "gsm8k").items()


def test_what_is_assessed_may_change_after_a_run_but_nothing_else(tmp_path):
    def settings(*arguments):
        return read_arguments(["--runs-dir", str(tmp_path), *arguments], program="", description="").settings

    run, plan = open_run(settings())
    assert open_run(settings("--assess.relearning-steps", "4"))[0] == run
    assert open_run(settings("--assess.relearning-steps", "4"))[1].checkpoint(1).key == plan.checkpoint(1).key
    with pytest.raises(UserError, match=r"release\.rank was 8, is now 4"):
        open_run(settings("--release.rank", "4"))


def test_4bit_without_bitsandbytes_is_refused(refused, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "bitsandbytes" else find_spec(name))
    assert "release.train_in is 4bit, but bitsandbytes is not installed" in refused("--release.train-in", "4bit")


def test_a_model_folder_without_weights_is_refused(refused, model):
    (model / "model.safetensors").unlink()
    assert "has no weights" in refused(*STORIES, "--model.path", str(model))


def test_a_model_of_pickles_is_refused(refused, model):
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert "pickle" in refused(*STORIES, "--model.path", str(model))


def test_a_model_without_a_tokenizer_is_refused(refused, model):
    (model / "tokenizer.json").unlink()
    assert "tokenizer" in refused(*STORIES, "--model.path", str(model))


def test_empty_retain_data_is_refused(refused, model, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    message = refused(*STORIES, "--model.path", str(model), "--target.retain-file", str(tmp_path / "empty.txt"))
    assert "holds 1 passages, all of which are empty" in message


def test_a_runs_folder_that_cannot_be_written_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["--runs-dir", str(tmp_path / "file" / "runs")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    (tmp_path / "lab-toxicity-s0").mkdir()
    (tmp_path / "lab-toxicity-s0" / "thesis.txt").write_text("mine")
    assert main(["--runs-dir", str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["lab-toxicity-s0", "thesis.txt"]


def test_the_plan_creates_nothing_and_names_every_unit_once(tmp_path, model, capsys):
    arguments = ["--runs-dir", str(tmp_path / "runs"), *STORIES, "--model.path", str(model), "--release.steps", "2"]
    assert main([*arguments, "--plan"]) == 0
    assert not (tmp_path / "runs").exists()
    lines = planned_units(capsys.readouterr().out)
    names = [line.split()[0] for line in lines]
    assert len(set(names)) == len(names)
    assert {"search", "forget-set", "step-00", "step-02/forget-adapter", "step-02", "report/after", "model"} <= set(
        names
    )
    assert all(line.endswith("missing") for line in lines)


def test_keys_follow_the_settings_that_matter_and_the_model(tmp_path, model, capsys, monkeypatch):
    monkeypatch.setattr("tasks.models.four_bit.require_bitsandbytes", lambda: None)

    def keys(*arguments: str) -> dict[str, str]:
        base = ["--runs-dir", str(tmp_path), *STORIES, "--model.path", str(model), "--release.steps", "1", "--plan"]
        assert main([*base, *arguments]) == 0
        return {line.split()[0]: line.split()[1] for line in planned_units(capsys.readouterr().out)}

    def changed(*arguments: str) -> set[str]:
        other = keys(*arguments)
        return {name for name, key in keys().items() if other[name] != key}

    everything = set(keys())
    assert changed("--name", "other", "--runs-dir", str(tmp_path / "elsewhere")) == set()
    assert changed("--seed", "1") == everything
    assert changed("--measure.report-prompts", "100") == everything - {"search"}
    assert changed("--release.retain-weight", "0.5") == {"step-01", "report/after", "model"}
    assert "step-01/forget-adapter" in changed("--release.train-in", "4bit")
    assert not {"search", "forget-set", "step-00"} & changed("--release.train-in", "4bit")
    assert changed("--reveal.max-new-tokens", "30") == everything - {"retain-set"}
    assert "retain-set" in changed("--release.retain-written", "8")
    shorter = keys("--release.retain-written", "8", "--reveal.max-new-tokens", "30")
    assert shorter["retain-set"] != keys("--release.retain-written", "8")["retain-set"]
    assert changed("--reveal.queries", "30") == everything - {"retain-set"}
    before = keys()
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"changed": True}))
    assert all(keys()[name] != key for name, key in before.items())


def cut_off(*_, **__):
    """What comes of a SIGTERM that hits Prefect in the middle of a request."""
    try:
        raise TerminationSignal(signal=signal.SIGTERM)
    except TerminationSignal:
        raise RuntimeError("the connection is closed") from None


def failed(*_, **__):
    """The same, as the outcome of a flow that counts as failed."""
    try:
        cut_off()
    except RuntimeError as error:
        outcome = error
    return SimpleNamespace(result=lambda raise_on_failure: outcome)


@pytest.mark.parametrize("flow", [cut_off, failed])
def test_a_sigterm_that_prefect_made_another_exception_of_ends_the_process_all_the_same(flow):
    pid = os.fork()
    if not pid:
        try:
            flow_outcome(flow, RunSettings())
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM
