"""Release alone, going back to a step, and exports: a tiny random model is made to say dog, cat, bird or fox less."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from flows.command_line import read_arguments
from flows.exporting import plan_export
from flows.opening import peek_run
from flows.release_command import release_command
from tasks.models.language_model import load_language_model
from tasks.models.layers import linear_layers
from tasks.release.adapter import load_adapter
from tasks.release.low_rank import recompressed
from tasks.store.digests import file_digest
from tasks.store.ledger import verify_ledger
from tasks.store.manifests import read_manifest
from tasks.subject import Subject
from tests.flows.conftest import SMALL
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.prefect

TINY = (
    *("--name", "tiny", "--preset", "stories-word", *SMALL, "--target.phrases", "[dog, cat, bird, fox]"),
    *("--reveal.max-responses", "200", "--reveal.max-new-tokens", "20", "--measure.max-new-tokens", "20"),
    *("--measure.max-perplexity-rise", "10", "--measure.max-drop", "1", "--measure.quantised", "[]"),
    *("--release.weights", "fixed", "--measure.goal-nll", "50"),
)
"""With limits so wide that every step is accepted, and a goal that none reaches."""


@dataclass
class Story:
    """What a user did, one command after the other, and what came of it."""

    base: Path
    run: Path
    settings: list[str]
    ends: dict[str, tuple[int, str, str]]
    """Exit code, output and error of each command."""
    base_before: dict[str, str]
    results_before: dict[str, str]
    """Before any export; the export that came early is taken away again, so that another process makes it anew."""
    early: dict[str, str]
    """Digests of that one."""


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_digest(path) for path in folder.rglob("*") if path.is_file()}


def ended(settings: Sequence[str], commands: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, str, str]]:
    """Run commands in one fresh process; exit code, output and error of each."""
    given = [[name, *settings, *flags] for name, *flags in commands.values()]
    child = [sys.executable, "-m", "tests.flows.several_commands", json.dumps(given)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = subprocess.run(child, capture_output=True, text=True, check=True, env=environment)
    return dict(zip(commands, (tuple(json.loads(line)) for line in done.stdout.splitlines()), strict=True))


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    folder = tmp_path_factory.mktemp("release-alone")
    base = make_tiny_model(folder / "model", chat=False)
    settings = ["--runs-dir", str(folder / "runs"), "--model.path", str(base), *TINY]
    before = digests(base)
    run = folder / "runs" / "tiny"
    first = {
        "reveal": ["reveal_command"],
        "release": ["release_command"],
        "early": ["release_command", "--undo-to", "1"],
        "not ended": ["release_command", "--export", "adapter"],
        "main": ["main"],
    }
    then = {
        **{f"undo {step}": ["release_command", "--undo-to", f"{step}"] for step in (0, 1, 2)},
        **{form: ["release_command", "--export", form] for form in ("adapter", "merged")},
        "small": ["release_command", "--export", "recompressed", "--export-rank", "3"],
        "adapter 1": ["release_command", "--undo-to", "1", "--export", "adapter"],
    }
    ends = ended(settings, first)
    early = digests(run / "undone/step-01/model")
    shutil.rmtree(run / "undone")
    results = digests(run)
    ends |= ended(settings, then)
    return Story(base, run, settings, ends, before, results, early)


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.arange(5, 25)[None]).logits


class TestReleaseAlone:
    def test_it_takes_the_steps_and_the_main_path_goes_on_from_them(self, story):
        code, out, err = story.ends["release"]
        last_step = json.loads((story.run / "summary.json").read_text())["last_step"]
        assert code == 0, err
        assert f"best step: {last_step}" in out
        assert story.ends["main"][0] == 3  # The goal is not met: rejected.
        ended = {unit: read_manifest(story.run / unit)["ended"] for unit in ("step-02", "report/before")}
        assert ended["step-02"] < ended["report/before"]
        assert last_step in (1, 2)

    def test_a_step_can_be_undone_before_the_run_has_ended(self, story):
        code, out, err = story.ends["early"]
        assert code == 0, err
        assert f"model after step 1: {story.run / 'undone/step-01/model'}" in out

    def test_an_export_of_the_last_step_waits_for_the_end(self, story):
        code, _, err = story.ends["not ended"]
        assert code == 2
        assert "run tiny has not ended; add --undo-to with a step it has finished, 0 to 2" in err

    def test_without_a_forget_set_it_says_what_to_do_first(self, story, tmp_path, capsys):
        run = tmp_path / "tiny"
        run.mkdir()
        shutil.copy(story.run / "settings.yaml", run)
        assert release_command([*story.settings, "--runs-dir", str(tmp_path)]) == 2
        assert "has no forget set; use python -m flows.reveal" in capsys.readouterr().err


class TestUndo:
    @pytest.mark.parametrize("step", [0, 1, 2])
    def test_the_model_measures_as_the_checkpoint_did(self, story, step):
        settings = read_arguments(story.settings, program="program", description="").settings
        run, plan = peek_run(settings)
        subject = Subject(
            run=run,
            base=story.base,
            device=plan.device,
            backend=plan.backend,
            model=settings.model,
            target=settings.target,
            measure=settings.measure,
            seed=settings.seed,
        )
        scores = subject.measure_model(load_language_model(story.run / f"undone/step-{step:02d}/model"), "tune")
        recorded = json.loads((story.run / f"step-{step:02d}" / "scores.json").read_text())
        assert json.loads(json.dumps(scores.to_json())) == recorded

    def test_each_step_is_another_model_and_the_last_is_the_exported_one(self, story):
        files = [story.run / f"undone/step-0{step}/model/model.safetensors" for step in (0, 1, 2)]
        assert len({file_digest(path) for path in files}) == 3
        assert file_digest(files[2]) == file_digest(story.run / "export/model/model.safetensors")

    def test_step_zero_is_the_untouched_model(self, story):
        untouched = load_file(story.base / "model.safetensors")
        undone = load_file(story.run / "undone/step-00/model/model.safetensors")
        assert untouched.keys() == undone.keys()
        assert all(torch.equal(undone[name], tensor) for name, tensor in untouched.items())

    def test_rebuilt_in_another_process_it_has_the_same_bytes(self, story):
        rebuilt = digests(story.run / "undone/step-01/model")
        assert rebuilt.pop("manifest.json") != story.early["manifest.json"]
        assert rebuilt.items() <= story.early.items()

    def test_neither_the_base_nor_a_result_of_the_run_has_changed(self, story):
        assert digests(story.base) == story.base_before
        after = digests(story.run)
        changed = {name for name, digest in story.results_before.items() if after[name] != digest}
        assert changed <= {"ledger.jsonl", ".lock"}

    def test_the_ledger_covers_what_was_written_and_files_are_private(self, story):
        verify_ledger(story.run)
        units = [json.loads(line).get("unit") for line in (story.run / "ledger.jsonl").read_text().splitlines()]
        assert {"undone/step-00/model", "undone/step-01/model", "export/adapter"} <= set(units)
        assert all(path.stat().st_mode & 0o077 == 0 for path in story.run.rglob("*"))


class TestExport:
    @pytest.mark.parametrize(
        ("adapter", "step", "rank"), [("export/adapter", 2, 32), ("undone/step-01/adapter", 1, 16)]
    )
    def test_the_adapter_on_the_untouched_base_is_the_model_after_the_step(self, story, adapter, step, rank):
        base = AutoModelForCausalLM.from_pretrained(story.base)
        unlearned = AutoModelForCausalLM.from_pretrained(story.run / f"undone/step-0{step}/model")
        before = logits(base)
        adapted = PeftModel.from_pretrained(base, story.run / adapter).eval()
        assert load_adapter(story.run / adapter).rank == 16 * step
        torch.testing.assert_close(logits(adapted), logits(unlearned), rtol=1e-4, atol=1e-4)
        assert (logits(adapted) - before).abs().max() > 0.01

    def test_the_recompressed_adapter_says_what_it_lost(self, story):
        code, out, err = story.ends["small"]
        assert code == 0, err
        whole, small = (load_adapter(story.run / f"export/{name}") for name in ("adapter", "recompressed-r3"))
        expected = recompressed(whole, 3)
        scores = read_manifest(story.run / "export/recompressed-r3")["scores"]
        assert (small.rank, scores["rank"]) == (3, 3)
        assert 0 < scores["relative_error"] < 1
        # Another process made it: sums may end in another last digit.
        assert scores["relative_error"] == pytest.approx(expected.error, rel=1e-12)
        assert scores["layer_errors"] == pytest.approx(expected.errors, rel=1e-12)
        base = load_language_model(story.base)
        assert small.factors.keys() == linear_layers(base.model).keys()
        for name, (_, B) in expected.adapter.factors.items():
            torch.testing.assert_close(small.factors[name].B, B)
        assert f"relative error: {expected.error:.2e} of the update" in out
        PeftModel.from_pretrained(base.model, story.run / "export/recompressed-r3")

    @pytest.mark.parametrize(
        ("flags", "words"),
        [
            (["--undo-to", "3"], "--undo-to is 3; run tiny has finished its steps 0 to 2"),
            (["--undo-to", "-1"], "--undo-to is -1;"),
            (["--export", "recompressed"], "--export-rank is missing; give 1 to 32"),
            (["--export", "recompressed", "--export-rank", "0"], "--export-rank is 0; give 1 to 32"),
            (["--export", "recompressed", "--export-rank", "33"], "--export-rank is 33; give 1 to 32"),
            (["--undo-to", "1", "--export", "recompressed", "--export-rank", "17"], "give 1 to 16"),
            (["--export", "adapter", "--export-rank", "3"], "a rank is chosen for recompressed only"),
            (["--undo-to", "0", "--export", "adapter"], "no accepted step leads there"),
            (["--name", "other", "--undo-to", "1"], "run other does not exist in"),
            (["--release.rank", "4", "--undo-to", "1"], "release.rank was 8, is now 4"),
        ],
    )
    def test_what_cannot_be_exported_is_one_sentence(self, story, capsys, flags, words):
        before = digests(story.run.parent)
        assert release_command([*story.settings, *flags]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert words in err
        assert err.count("\n") == 1
        assert digests(story.run.parent) == before

    def test_a_damaged_adapter_on_the_way_is_named(self, story, tmp_path):
        shutil.copytree(story.run, tmp_path / "tiny")
        settings = read_arguments([*story.settings, "--runs-dir", str(tmp_path)], program="program", description="")
        plan_export(settings.settings, form="merged", undo_to=2)
        weights = tmp_path / "tiny/step-01/retain-adapter/adapter_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
        with pytest.raises(ValueError, match=r"step-01/retain-adapter/adapter_model\.safetensors is damaged"):
            plan_export(settings.settings, form="merged", undo_to=2)
