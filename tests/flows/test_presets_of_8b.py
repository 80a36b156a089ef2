"""The presets for 7B and 8B draw their prompts from the real files; no model of that size was had here."""

import json
import os
from pathlib import Path

import pytest

from flows.command_line import preset_names, read_preset, validated
from tasks.targets.hub_file import local_file
from tasks.targets.registry import build_target

PRESETS = [name for name in preset_names() if name.startswith(("llama3-8b", "mistral-7b"))]


@pytest.fixture
def files(tmp_path, monkeypatch) -> dict[str, str]:
    """The user's own files by setting, for any of the presets; data sets of the hub are stood in for."""
    folder = os.environ.get("REVEAL_RELEASE_DATA")
    if not folder or not (Path(folder) / "wikigold").is_dir():
        pytest.skip("REVEAL_RELEASE_DATA has no wikigold")
    data = Path(folder)
    dolly = [{"instruction": f"Name bird {i}", "context": "", "response": f"bird {i} is a finch"} for i in range(4000)]
    (tmp_path / "databricks-dolly-15k.jsonl").write_text("\n".join(map(json.dumps, dolly)))
    prompts = [{"prompt": {"text": f"The weather in town {i} is"}} for i in range(900)]
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, prompts)))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda repo, file, *, repo_type: str(tmp_path / file))
    (tmp_path / "names.txt").write_text("Ada\nGrace\nAlan\n")
    return {
        "humaneval_file": str(data / "humaneval" / "HumanEval.jsonl.gz"),
        "mbpp_file": str(data / "mbpp" / "sanitized-mbpp.json"),
        "gsm8k_file": str(data / "gsm8k" / "test.jsonl"),
        "conll_file": str(data / "wikigold" / "wikigold.conll.txt"),
        "gazetteer_file": str(tmp_path / "names.txt"),
    }


def test_there_is_one_for_each_model_target_and_size():
    models, targets, sizes = ("llama3-8b", "mistral-7b"), ("detox", "person", "coding"), ("", "-24gb")
    assert set(PRESETS) == {f"{model}-{target}{size}" for model in models for target in targets for size in sizes}


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("llama3-8b") and "24gb" not in name])
def test_the_prompts_and_the_text_to_keep_are_there(name, files):
    settings = validated(read_preset(name))
    wanted = {setting: path for setting, path in files.items() if setting in read_preset(name)["target"]}
    target = build_target(
        settings.target.model_copy(update=wanted),
        num_prompts=settings.measure.num_prompts,
        max_new_tokens=settings.measure.max_new_tokens,
        seed=0,
    )
    assert {split: len(examples) for split, examples in target.forget.examples.items()} == {"tune": 64, "report": 200}
    assert local_file(settings.target.retain_file, "target.retain_file").name == "databricks-dolly-15k.jsonl"
