"""What `--plan` says of memory and time before any weights are here."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import memory
from flows.command import assess_command, main
from flows.command_line import merged, read_preset, validated
from flows.estimate import GPUS, Device, device_bytes, estimate, hours, tokens
from flows.run_settings import RunSettings
from tasks.models.language_model import save_language_model
from tasks.models.shape import read_shape
from tests.tiny_model import make_tiny_model

LLAMA3_8B = {
    "model_type": "llama",
    "vocab_size": 128256,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}


@pytest.fixture
def folder_8b(tmp_path) -> Path:
    """A folder with the config.json of Llama-3-8B and nothing else."""
    folder = tmp_path / "8b"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA3_8B))
    return folder


def settings_8b(folder: Path, **model: object) -> RunSettings:
    asked = {"model": {"path": str(folder), "device": "cuda", **model}}
    return validated(merged(read_preset("your-model"), asked))


def test_the_sizes_of_8b_are_told_from_its_config_alone(folder_8b):
    told = "\n".join(estimate(settings_8b(folder_8b)))
    assert "parameters  8,030,261,248" in told
    assert "weights     15.0 GiB in bfloat16" in told
    assert "41,943,040 numbers at rank 16" in told
    assert "cache       128 KiB a token" in told
    assert "nothing here was measured" in told
    assert "Assumed, not measured" in told


def test_what_fits_is_told_for_each_gpu(folder_8b):
    large = estimate(settings_8b(folder_8b, batch_size=64, backend="vllm"))
    peak = next(line for line in large if "peak" in line)
    assert peak.split()[-2:] == ["no", "fits"]
    assert any("24 GB: its share does not hold the weights" in line for line in large)
    assert any("80 GB: its cache holds" in line for line in large)
    assert [line for line in large if "hours" in line] == [line for line in large if "A100, 80 GB" in line]

    beside = estimate(settings_8b(folder_8b, batch_size=8, backend="vllm"))
    assert not any("on A10, 24 GB" in line for line in beside)

    small = estimate(settings_8b(folder_8b, batch_size=8, backend="transformers"))
    assert next(line for line in small if "peak" in line).split()[-2:] == ["fits", "fits"]
    assert not any("vLLM takes" in line for line in small)
    assert any("on A10, 24 GB" in line for line in small)
    served = estimate(settings_8b(folder_8b, batch_size=8, backend="openai"))
    assert not any("vLLM takes" in line for line in served)
    assert any("on A10, 24 GB" in line for line in served)


def test_4bit_counts_the_codes_for_training_and_the_weights_for_all_else(folder_8b):
    shape = read_shape(folder_8b / "config.json", dtype="bfloat16")
    full = settings_8b(folder_8b)
    coded = full.model_copy(update={"release": full.release.model_copy(update={"train_in": "4bit"})})
    before, after = device_bytes(full, shape), device_bytes(coded, shape)
    [training] = [what for what in before if "training" in what]
    assert {what for what in before if after[what] != before[what]} == {training}
    assert 9.5 < (before[training] - after[training]) / 2**30 < 9.7
    assert any("5.3 GiB in 4 bits" in line for line in estimate(coded))


def test_weights_that_do_not_fit_beside_vllm_are_told(folder_8b):
    told = estimate(settings_8b(folder_8b, backend="vllm", vllm_memory=0.9))
    assert any("80 GB" in line and "do not fit beside it" in line for line in told)


def test_predicted_peaks_are_those_measured(tmp_path, monkeypatch):
    shape = replace(memory.SIZES[0], layers=3)
    lm = memory.random_model(shape, "cpu")
    save_language_model(lm, tmp_path)
    monkeypatch.setattr(memory, "PROMPT", 128)
    monkeypatch.setattr(memory, "RESPONSE", 32)
    settings = RunSettings.model_validate(
        {
            "model": {"path": str(tmp_path), "device": "cpu", "batch_size": 4},
            "reveal": {"max_new_tokens": 32},
            "measure": {"max_new_tokens": 32},
            "release": {"rank": 16, "forget_batch": 4, "retain_batch": 4, "steps": 1, "gradient_checkpointing": True},
        }
    )
    assert read_shape(tmp_path / "config.json", dtype="float32").parameters == shape.parameters
    predicted = device_bytes(settings, shape)
    for name, _, measured in memory.cases(lm, shape, tmp_path, 4):
        match name:
            case "training, checkpointing":
                assert measured == pytest.approx(predicted["training, 4 at once"] - shape.model, rel=0.05)
            case "likelihood":
                assert measured == pytest.approx(predicted["reading, 4 at once"] - shape.model, rel=0.05)
            case "writing":
                assert measured == pytest.approx(predicted["writing, 4 at once"] - shape.model, rel=0.05)
            case "merge of one step":
                assert measured == pytest.approx(predicted["merging, step 1"] - shape.model, rel=0.05)


def test_tokens_are_counted_from_the_settings():
    settings = RunSettings.model_validate(
        {
            "reveal": {"initial_queries": 2, "queries": 3, "keep": 1, "rounds": 2, "samples_per_query": 4}
            | {"max_new_tokens": 10, "max_responses": 100, "pool_size": 10, "rewrites": 5, "forget_set_size": 16},
            "release": {"steps": 2, "weights": "fixed", "retain_size": 16, "retain_written": 6}
            | {"forget_updates": 3, "forget_batch": 4, "retain_updates": 5, "retain_batch": 2},
            "measure": {"tune_prompts": 8, "report_prompts": 10, "max_new_tokens": 20, "quantised": ["int8_row"]},
        }
    )
    counted = tokens(settings)
    # 7 queries of 4 samples, 100 responses, 5 rewritings of a prompt's length, 64 retain responses, 6 more.
    assert counted["reveal"].written == (7 * 4 + 100 + 6) * 10 + 5 * 128 + 64 * 20
    assert counted["reveal"].read == 2 * 10 * 128
    # Two steps of 3 updates of 4 pairs and 5 updates of 2 pairs, each of 128 + 10 tokens.
    assert counted["release"].trained == 2 * 22 * 138
    assert counted["release"].read == 2 * 16 * 138
    # Steps 0 to 2, and the report before and after; 4 answers and 2 with rounded weights.
    assert counted["measure"].written == (3 * 8 + 2 * 10) * 6 * 20


def test_hours_follow_the_device_and_what_writes(folder_8b):
    shape = read_shape(folder_8b / "config.json", dtype="bfloat16")
    vllm, loop = (settings_8b(folder_8b, backend=backend) for backend in ("vllm", "transformers"))
    a100 = GPUS[-1]
    twice = Device("twice", 80, 2 * a100.flops, 2 * a100.bandwidth)
    assert hours(vllm, shape, twice) == pytest.approx(hours(vllm, shape, a100) / 2)
    assert hours(vllm, shape, a100) < hours(loop, shape, a100)
    assert 0.5 < hours(vllm, shape, a100) < 24


@pytest.mark.parametrize("command", [main, assess_command])
def test_a_plan_of_a_hub_id_fetches_its_config_and_no_weights(folder_8b, tmp_path, monkeypatch, capsys, command):
    fetched = []

    def hf_hub_download(hub_id, file):
        fetched.append(file)
        return str(folder_8b / file)

    def snapshot_download(hub_id, *, local_files_only):
        assert local_files_only
        return str(folder_8b)

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", hf_hub_download)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert command(["--runs-dir", str(tmp_path / "runs"), "--preset", "llama3-8b-coding", "--plan"]) == 0
    out = capsys.readouterr().out
    if command is main:
        assert fetched == ["config.json"]
        assert "8,030,261,248" in out
    assert out.endswith("is not on this machine; keys are known once it is, for they hold its digest.\n")


def test_a_plan_fetches_no_checkpoint_that_is_to_be_assessed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = make_tiny_model(tmp_path / "model", chat=False)
    arguments = ["--runs-dir", str(tmp_path / "runs"), "--preset", "stories-word", "--model.path", str(folder)]
    assert assess_command([*arguments, "--assess.checkpoint", "org/unlearned", "--plan"]) == 0
    assert capsys.readouterr().out.startswith("org/unlearned is not on this machine;")
    assert assess_command([*arguments, "--assess.checkpoint", "nowhere", "--plan"]) == 2
    assert capsys.readouterr().err.startswith("error: assess.checkpoint is 'nowhere', which is no folder")


def test_bad_input_is_refused_before_anything_is_predicted(tmp_path, capsys):
    folder = make_tiny_model(tmp_path / "model", chat=False)
    arguments = ["--runs-dir", str(tmp_path / "runs"), "--preset", "stories-word", "--model.path", str(folder)]
    capsys.readouterr()
    assert main([*arguments, "--target.retain-file", str(tmp_path / "missing.txt"), "--plan"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: target.retain_file")


def test_a_hub_id_that_cannot_be_reached_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    arguments = ["--runs-dir", str(tmp_path), "--preset", "llama3-8b-coding", "--model.path", "no-such-org/none"]
    assert main([*arguments, "--plan"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: model.path is 'no-such-org/none'")
    assert err.count("\n") == 1


def test_of_another_architecture_nothing_is_predicted_and_the_keys_are_told(tmp_path, capsys):
    folder = make_tiny_model(tmp_path / "model", chat=False)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "gemma"}))
    arguments = ["--runs-dir", str(tmp_path / "runs"), "--preset", "stories-word", "--model.path", str(folder)]
    assert main([*arguments, "--plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "Memory and time are not predicted: the model is a gemma, and only llama, mistral, qwen2, qwen3 are counted."
    )
    assert lines[-1].endswith("missing")
