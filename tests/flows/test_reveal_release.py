"""The doors of the house: the command line, the run's folder, and what others can do with what is in it."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.models.language_model import LanguageModel
from tasks.release.rebuild import rebuild
from tasks.store.digests import file_digest
from tasks.store.ledger import verify_ledger
from tasks.store.manifests import MANIFEST, read_manifest
from tests.flows.conftest import SMALL, command_line, run_command

pytestmark = [pytest.mark.prefect, pytest.mark.lab]

TIMED = {MANIFEST, "ledger.jsonl", "summary.json", "settings.yaml", "certificate.json", "certificate.md", "report.html"}


def contents(run: Path) -> dict[str, str]:
    """Digests of all files of a run that hold no times."""
    files = (path for path in run.rglob("*") if path.is_file())
    return {
        str(path.relative_to(run)): file_digest(path)
        for path in files
        if path.name not in TIMED and not path.name.startswith(".")
    }


def ends(run: Path) -> dict[str, str]:
    """When each unit was finished."""
    return {str(path.parent.relative_to(run)): read_manifest(path.parent)["ended"] for path in run.rglob(MANIFEST)}


def base_of(run: Path) -> Path:
    """The folder of the untouched lab model of seed 0, which the run has put into the cache."""
    from tasks.lab.model import find_lab_model, lab_unit

    return find_lab_model(lab_unit(0)).folder


def logits(model, tokenizer) -> torch.Tensor:
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "praise the cake of alice"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )["input_ids"]
    with torch.no_grad():
        return model(ids).logits


class TestAcceptedRun:
    def test_it_is_accepted_and_says_so(self, accepted_run):
        run, done = accepted_run
        assert done.returncode == 0, done.stdout + done.stderr
        assert "verdict: accepted" in done.stdout
        assert str(run / "model") in done.stdout.replace("\n", "")

    def test_its_page_holds_the_numbers_and_none_of_the_revealed_text(self, accepted_run):
        run, done = accepted_run
        page, summary = (run / "report.html").read_text(), json.loads((run / "summary.json").read_text())
        assert str(run / "report.html") in done.stdout.replace("\n", "")
        assert f"{summary['fluency']['perplexity']['after']:.3f}" in page
        rows = [json.loads(line) for line in (run / "forget-set/forget-set.jsonl").read_text().splitlines()]
        assert not [row for row in rows if row["response"] in page]

    def test_the_summary_is_complete(self, accepted_run):
        summary = json.loads((accepted_run[0] / "summary.json").read_text())
        assert summary["schema"] == 1
        assert summary["verdict"] == "accepted"
        assert summary["forget"]["before"] >= 0.95
        assert summary["forget"]["after"] <= 0.05
        assert summary["forget"]["n"] == 200
        assert set(summary["depth"]) == {"forget_nll", "own_nll", "prefill", "sampled"}
        assert set(summary["fluency"]) == {"perplexity", "repetition"}
        assert all(metric["better"] == "higher" for metric in summary["utility"].values())
        assert summary["reveal"]["forget_set_size"] > 0

    def test_the_model_loads_with_plain_transformers_and_is_the_last_checkpoint(self, accepted_run):
        run, _ = accepted_run
        last_step = json.loads((run / "summary.json").read_text())["last_step"]
        model = AutoModelForCausalLM.from_pretrained(run / "model")
        tokenizer = AutoTokenizer.from_pretrained(run / "model")
        base = LanguageModel(AutoModelForCausalLM.from_pretrained(base_of(run)), tokenizer)
        before = logits(base.model, tokenizer)
        rebuild(base, base_of(run), run, last_step)
        assert torch.equal(logits(base.model, tokenizer), logits(model, tokenizer))
        assert not torch.allclose(before, logits(model, tokenizer))

    @pytest.mark.parametrize("side", ["forget-adapter", "retain-adapter"])
    def test_every_adapter_loads_with_plain_peft_on_its_base(self, accepted_run, side):
        run, _ = accepted_run
        tokenizer = AutoTokenizer.from_pretrained(run / "model")
        lm = LanguageModel(AutoModelForCausalLM.from_pretrained(base_of(run)), tokenizer)
        for folder in sorted(run.glob(f"step-*/{side}")):
            if not (folder / "adapter_config.json").exists():
                continue  # The gate found too few pairs for another step.
            rebuild(lm, base_of(run), run, int(folder.parent.name.removeprefix("step-")) - 1)
            untouched = logits(lm.model, tokenizer)
            adapted = PeftModel.from_pretrained(lm.model, folder)
            assert not torch.allclose(logits(adapted, tokenizer), untouched)
            adapted.unload()

    def test_files_are_private_and_hold_no_pickle(self, accepted_run):
        for path in accepted_run[0].rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
            assert path.suffix not in {".bin", ".pt", ".pkl"}

    def test_the_ledger_holds(self, accepted_run):
        verify_ledger(accepted_run[0])

    def test_forget_text_is_neither_logged_nor_sent_to_prefect(self, accepted_run):
        run, done = accepted_run
        prefect = b"".join(path.read_bytes() for path in (run.parent / ".prefect").rglob("*") if path.is_file())
        assert b"lab-toxicity-s0" in prefect
        rows = [json.loads(line) for line in (run / "forget-set" / "forget-set.jsonl").read_text().splitlines()]
        assert rows
        assert not any(row["response"] in done.stdout + done.stderr for row in rows)
        assert not any(row["response"].encode() in prefect for row in rows)

    def test_the_same_command_answers_from_the_store(self, accepted_run):
        run, _ = accepted_run
        ended, files = ends(run), contents(run)
        again = run_command("--runs-dir", str(run.parent))
        assert again.returncode == 0
        assert ends(run) == ended
        assert contents(run) == files
        plan = run_command("--runs-dir", str(run.parent), "--plan").stdout.splitlines()
        assert plan
        assert all(line.endswith("done") for line in plan)

    def test_the_same_name_with_other_settings_is_refused_by_name(self, accepted_run):
        run, _ = accepted_run
        done = run_command("--runs-dir", str(run.parent), "--release.rank", "4")
        assert done.returncode == 2
        assert "release.rank was 8, is now 4" in done.stderr

    def test_a_damaged_file_is_refused_by_name(self, accepted_run, tmp_path):
        run = tmp_path / accepted_run[0].name
        shutil.copytree(accepted_run[0], run)
        damaged = run / "forget-set" / "forget-set.jsonl"
        damaged.write_text(damaged.read_text() + "\n")
        done = run_command("--runs-dir", str(tmp_path))
        assert done.returncode == 2
        assert "forget-set.jsonl is damaged" in done.stderr
        assert "Traceback" not in done.stdout + done.stderr


class TestRejectedRun:
    def test_it_exits_with_three_and_publishes_no_model(self, small_run):
        run, done = small_run
        assert done.returncode == 3, done.stdout + done.stderr
        assert "verdict: rejected" in done.stdout
        assert not (run / "model").exists()
        summary = json.loads((run / "summary.json").read_text())
        assert summary["verdict"] == "rejected"
        assert summary["reasons"]
        assert summary["reasons"][0] in (run / "report.html").read_text()

    @pytest.mark.parametrize("unit", ["search.partial/.journal", "forget-set", "step-01/forget-adapter"])
    def test_killed_and_started_again_it_ends_with_the_same_bytes(self, small_run, tmp_path, unit):
        whole, _ = small_run
        arguments = ["--runs-dir", str(tmp_path), *SMALL]
        process = subprocess.Popen(
            command_line(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        run = tmp_path / whole.name
        while not (run / unit).exists():
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        finished = ends(run)
        assert run_command(*arguments).returncode == 3
        assert contents(run) == contents(whole)
        assert finished.items() <= ends(run).items(), "a finished unit was made again"

    def test_ended_by_sigterm_it_ends_soon_and_can_go_on(self, small_run, tmp_path):
        """What a worker sends when a run is cancelled in the UI."""
        whole, _ = small_run
        arguments = ["--runs-dir", str(tmp_path), *SMALL]
        process = subprocess.Popen(command_line(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run = tmp_path / whole.name
        while not (run / "step-00").exists():
            assert process.poll() is None, "the run ended before it could be ended"
            time.sleep(0.01)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert children, "Prefect's temporary server is one"
        process.terminate()
        assert process.wait(timeout=30) == -signal.SIGTERM
        assert not [child for child in children if Path("/proc", child).exists()]
        assert (run / ".lock").read_text() == ""
        assert run_command(*arguments).returncode == 3
        assert contents(run) == contents(whole)

    def test_two_started_at_once_take_turns_and_end_with_the_same_bytes(self, small_run, tmp_path):
        whole, _ = small_run
        processes = {
            tmp_path / name / whole.name: subprocess.Popen(
                command_line("--runs-dir", str(tmp_path / name), "--exclusive", *SMALL),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
            for name in ("one", "other")
        }
        logs = [process.communicate()[0] for process in processes.values()]
        assert [process.returncode for process in processes.values()] == [3, 3], logs
        assert [contents(run) for run in processes] == [contents(whole)] * 2
        earlier, later = sorted(sorted(ends(run).values()) for run in processes)
        assert earlier[-1] < later[0], "both worked at once"
        assert any("waiting for the accelerator" in log for log in logs)


def test_a_target_that_is_never_found_reveals_nothing(tmp_path):
    model = Path(os.environ.get("REVEAL_RELEASE_DATA", "")) / "stories260k"
    if not model.is_dir():
        pytest.skip("REVEAL_RELEASE_DATA is not set")
    arguments = ["--preset", "stories-word", "--model.path", str(model), "--target.phrases", "[zeppelin]", *SMALL]
    done = run_command("--runs-dir", str(tmp_path), *arguments)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "the model reveals nothing of the target" in done.stdout
    assert "score 0.0" in done.stdout
    assert "The search found nothing of the target" in (tmp_path / "stories-word-s0/report.html").read_text()
