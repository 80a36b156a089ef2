"""Sizes of models from config.json alone, against the same configurations built on torch's meta device."""

import json
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from tasks.models.layers import linear_layers
from tasks.models.shape import UnknownShapeError, read_shape
from tasks.settings.errors import UserError

LLAMA3_8B = LlamaConfig(
    vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_attention_heads=32, num_key_value_heads=8
)
MISTRAL_7B = MistralConfig(vocab_size=32000, hidden_size=4096, intermediate_size=14336, num_key_value_heads=8)
MISTRAL_NEMO = MistralConfig(
    vocab_size=131072, hidden_size=5120, intermediate_size=14336, num_hidden_layers=40, head_dim=128
)
QWEN25_7B = Qwen2Config(
    vocab_size=152064,
    hidden_size=3584,
    intermediate_size=18944,
    num_hidden_layers=28,
    num_attention_heads=28,
    num_key_value_heads=4,
)
QWEN25_HALF_B = Qwen2Config(
    vocab_size=151936,
    hidden_size=896,
    intermediate_size=4864,
    num_hidden_layers=24,
    num_attention_heads=14,
    num_key_value_heads=2,
    tie_word_embeddings=True,
)
QWEN3_8B = Qwen3Config(
    vocab_size=151936,
    hidden_size=4096,
    intermediate_size=12288,
    num_hidden_layers=36,
    num_attention_heads=32,
    num_key_value_heads=8,
)
BIASED = LlamaConfig(
    vocab_size=100,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    attention_bias=True,
    mlp_bias=True,
)


@pytest.fixture
def config_file(tmp_path):
    def write(config: PreTrainedConfig | str) -> Path:
        file = tmp_path / "config.json"
        file.write_text(config if isinstance(config, str) else config.to_json_string(use_diff=False))
        return file

    return write


@pytest.mark.parametrize(
    ("config", "published"),
    [
        (LLAMA3_8B, 8_030_261_248),
        (MISTRAL_7B, 7_241_732_096),
        (MISTRAL_NEMO, 12_247_782_400),
        (QWEN25_7B, 7_615_616_512),
        (QWEN25_HALF_B, 494_032_768),
        (QWEN3_8B, 8_190_735_360),
        (BIASED, None),
    ],
    ids=["llama3-8b", "mistral-7b", "mistral-nemo", "qwen2.5-7b", "qwen2.5-0.5b", "qwen3-8b", "biased"],
)
def test_the_parameters_are_those_of_the_model_that_transformers_builds(config_file, config, published):
    shape = read_shape(config_file(config), dtype="bfloat16")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert shape.linear_parameters == sum(layer.weight.numel() for layer in linear_layers(model).values())
    assert shape.adapter(8) == sum(8 * sum(layer.weight.shape) for layer in linear_layers(model).values())
    assert published in (None, shape.parameters)
    assert shape.model == 2 * shape.parameters


def test_a_config_without_the_newer_keys_is_a_llama_of_the_first_kind(config_file):
    sizes = {"vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008}
    old = {"model_type": "llama", **sizes, "num_hidden_layers": 32, "num_attention_heads": 32}
    assert read_shape(config_file(json.dumps(old)), dtype="bfloat16").parameters == 6_738_415_616


def test_a_qwen3_that_does_not_tell_the_size_of_its_heads_has_128(config_file):
    sizes = {"vocab_size": 151936, "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28}
    told = {"model_type": "qwen3", **sizes, "num_attention_heads": 16, "num_key_value_heads": 8}
    shape = read_shape(config_file(json.dumps(told | {"tie_word_embeddings": True})), dtype="bfloat16")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(Qwen3Config(**told, tie_word_embeddings=True))
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())


def test_other_architectures_are_not_guessed(config_file):
    with pytest.raises(UnknownShapeError, match="the model is a gpt2, and only llama, mistral, qwen2, qwen3 are"):
        read_shape(config_file('{"model_type": "gpt2"}'), dtype="float32")


@pytest.mark.parametrize("size", ["0", "-1", '"many"', "true", "1e9", "99999999999999", "null"])
def test_a_size_that_is_none_is_named(config_file, size):
    with pytest.raises(UnknownShapeError, match=r"hidden_size in the model.s config\.json is"):
        read_shape(config_file(f'{{"model_type": "llama", "hidden_size": {size}}}'), dtype="float32")


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "\udcff"])
def test_a_config_that_is_none_is_refused_in_one_sentence(tmp_path, text):
    file = tmp_path / "config.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"model\.path: '.*config.json' (cannot be read|holds list)") as refusal:
        read_shape(file, dtype="float32")
    assert "\n" not in str(refusal.value)
