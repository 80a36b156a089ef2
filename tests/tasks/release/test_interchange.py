"""What a release writes, read by others as they read it: transformers, PEFT, open-unlearning's loaders, vLLM."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.models.language_model import load_language_model, save_language_model
from tasks.models.model_folder import find_model_folder
from tasks.release.adapter import CONFIG_FILE, load_adapter, save_adapter
from tasks.release.low_rank import concatenated
from tasks.release.merge import Checkpoints, Update
from tests.tasks.models.vllm_marks import needs_vllm
from tests.tasks.release.random_adapter import random_adapter

PROMPTS = [[2, 20, 30, 3], [2, 11, 40, 41, 42, 3], [2, 50, 3]]
IDS = torch.tensor([[2, 20, 30, 3, 11, 40, 41]])


class Released(NamedTuple):
    """A base, an unlearned model as a folder, and what leads from one to the other as an adapter."""

    base: Path
    merged: Path
    adapter: Path
    logits: Tensor
    """Of the merged model as we have it in memory."""


@pytest.fixture(scope="module")
def released(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Released:
    folder = tmp_path_factory.mktemp("released")
    lm = load_language_model(model_folder)
    updates = [
        Update(random_adapter(lm.model, seed, rank=8), weight) for seed, weight in ((1, -0.8), (2, 0.3), (3, -0.5))
    ]
    save_adapter(concatenated(updates), folder / "adapter")
    Checkpoints(model_folder).apply(lm, updates)
    save_language_model(lm, folder / "merged")
    return Released(model_folder, folder / "merged", folder / "adapter", logits(lm.model))


def logits(model: torch.nn.Module) -> Tensor:
    with torch.no_grad():
        return model(IDS).logits


def agree(model: torch.nn.Module, released: Released) -> None:
    torch.testing.assert_close(logits(model.eval()), released.logits, rtol=1e-4, atol=1e-4)


def base_of(released: Released) -> torch.nn.Module:
    model = AutoModelForCausalLM.from_pretrained(released.base)
    assert (logits(model) - released.logits).abs().max() > 0.1
    return model


class TestModelFolder:
    def test_plain_from_pretrained_loads_it(self, released):
        """As open-unlearning's `get_model` does: from a path, with a type, and the tokenizer from the same path."""
        agree(AutoModelForCausalLM.from_pretrained(released.merged, dtype=torch.float32), released)
        assert AutoModelForCausalLM.from_pretrained(released.merged, dtype=torch.bfloat16).dtype == torch.bfloat16
        ours, theirs = (AutoTokenizer.from_pretrained(folder) for folder in (released.base, released.merged))
        chat = [{"role": "user", "content": "tell my dog"}]
        assert theirs.apply_chat_template(chat, tokenize=False) == ours.apply_chat_template(chat, tokenize=False)
        assert theirs.get_vocab() == ours.get_vocab()

    def test_it_holds_no_pickle_no_code_and_no_path(self, released):
        files = [path for path in released.merged.rglob("*") if path.is_file()]
        assert {path.suffix for path in files} <= {".safetensors", ".json", ".jinja"}
        assert not [path for path in files if str(released.merged.parent).encode() in path.read_bytes()]
        assert not [path for path in files if str(released.base).encode() in path.read_bytes()]

    def test_it_can_be_the_base_of_another_run(self, released):
        find_model_folder(released.merged)
        agree(load_language_model(released.merged).model, released)


class TestAdapter:
    def test_peft_puts_it_on_the_base(self, released):
        agree(PeftModel.from_pretrained(base_of(released), released.adapter), released)

    def test_peft_merges_it_into_a_folder_that_loads(self, released, tmp_path):
        merged = PeftModel.from_pretrained(base_of(released), released.adapter).merge_and_unload()
        merged.save_pretrained(tmp_path)
        agree(AutoModelForCausalLM.from_pretrained(tmp_path), released)

    def test_transformers_loads_it_by_itself(self, released):
        model = base_of(released)
        model.load_adapter(str(released.adapter))
        agree(model, released)

    def test_its_rank_is_that_of_all_updates(self, released):
        config = json.loads((released.adapter / CONFIG_FILE).read_text())
        assert (config["r"], load_adapter(released.adapter).rank) == (24, 24)
        assert config["base_model_name_or_path"] is None


class TestVllm:
    pytestmark = needs_vllm

    @pytest.fixture(scope="class")
    def written(self, released):
        """By vLLM: of the base, of the base with the adapter, of the merged folder."""
        return [*greedy_by_vllm(released.base, released.adapter), *greedy_by_vllm(released.merged)]

    def test_base_adapter_and_folder_answer_as_in_transformers(self, released, written):
        base, adapted, merged = written
        assert base == greedy_by_transformers(released.base)
        assert merged == greedy_by_transformers(released.merged)
        assert adapted == merged != base


def greedy_by_vllm(model: Path, adapter: Path | None = None) -> list[list[list[int]]]:
    command = [sys.executable, "-m", "tests.tasks.release.vllm_greedy", str(model), str(adapter or "")]
    environment = os.environ | {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([*command, json.dumps(PROMPTS)], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("WRITTEN ")]
    return json.loads(line.removeprefix("WRITTEN "))


def greedy_by_transformers(folder: Path) -> list[list[int]]:
    model = AutoModelForCausalLM.from_pretrained(folder)
    written = []
    for prompt in PROMPTS:
        ids = torch.tensor([prompt])
        for _ in range(8):
            with torch.no_grad():
                ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], dim=1)
        written.append(ids[0, len(prompt) :].tolist())
    return written
