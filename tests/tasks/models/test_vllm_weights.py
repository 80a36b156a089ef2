import shutil
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import load_language_model
from tasks.models.sampling import Sampling
from tasks.models.vllm_engine import VllmEngine
from tasks.models.vllm_generator import VllmGenerator
from tasks.settings.errors import UserError
from tests.tasks.models.vllm_marks import needs_vllm

pytestmark = needs_vllm

PROMPTS = ["tell my dog", "a cat and a fox in the old house", "hello", "who sings"]
GREEDY = Sampling(max_new_tokens=30, temperature=0)
KINDS = {
    "plain": {},
    "tied, padded and biased": {"tie_word_embeddings": True, "vocab_size": 100, "attention_bias": True},
}


def checkpoint(model_folder: Path, folder: Path, seed: int, **changes) -> Path:
    """A checkpoint with random weights, otherwise like `model_folder`."""
    shutil.copytree(model_folder, folder)
    model = LlamaForCausalLM(LlamaConfig.from_pretrained(folder, **changes))
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        parameter.data.normal_("norm" in name, 0.2, generator=generator)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_text_is_that_of_the_weights_given_last(kind, chat_folder, tmp_path):
    folders = [checkpoint(chat_folder, tmp_path / str(seed), seed, **KINDS[kind]) for seed in range(4)]
    expected = []
    with VllmGenerator(load_language_model(folders[0]), VllmEngine(folders[0])) as generator:
        for folder in folders:
            generator.load_weights(folder)
            transformers = TransformersGenerator(load_language_model(folder))
            expected.append(transformers.generate(PROMPTS, sampling=GREEDY, seed=0))
            assert generator.generate(PROMPTS, sampling=GREEDY, seed=0) == expected[-1]

        other = checkpoint(chat_folder, tmp_path / "other", 0, **KINDS[kind] | {"intermediate_size": 192})
        with pytest.raises(UserError, match=r"mlp.down_proj.weight is \[64, 192\] and not \[64, 128\]; give a checkp"):
            generator.load_weights(other)
        assert generator.generate(PROMPTS, sampling=GREEDY, seed=0) == expected[-1]
    assert all(a != b for i, a in enumerate(expected) for b in expected[:i])
