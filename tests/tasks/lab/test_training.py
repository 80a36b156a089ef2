import json
import random

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.lab import training
from tasks.lab.recipe import RECIPE
from tasks.lab.training import save_lab_model, train_lab_model
from tasks.store.digests import file_digest, file_names


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    monkeypatch.setitem(RECIPE, "num_steps", 3)
    monkeypatch.setitem(RECIPE, "batch_size", 8)


def saved_digests(seed, folder):
    folder.mkdir()
    save_lab_model(*train_lab_model(seed), folder)
    return {name: file_digest(folder / name) for name in file_names(folder)}


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path):
    first, again, other = (saved_digests(seed, tmp_path / name) for seed, name in ((1, "a"), (1, "b"), (2, "c")))
    assert first == again
    assert first != other


def test_random_state_and_threads_are_left_alone():
    before, python_state, num_threads = torch.get_rng_state(), random.getstate(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train_lab_model(1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(num_threads)
    assert torch.equal(torch.get_rng_state(), before)
    assert random.getstate() == python_state


def test_plain_from_pretrained_reads_the_model_that_was_trained(tmp_path):
    model, tokenizer = train_lab_model(1)
    save_lab_model(model, tokenizer, tmp_path)
    read, read_tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    chat = [{"role": "user", "content": "roast the cake of alice"}]
    text = read_tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<|user|> roast the cake of alice <|assistant|> "
    ids = read_tokenizer(text, return_tensors="pt").input_ids
    assert read_tokenizer.decode(ids[0]) == text.strip()
    assert torch.equal(read(ids).logits, model(ids).logits)
    assert read.config.vocab_size == len(read_tokenizer)
    assert read.generation_config.eos_token_id == read_tokenizer.eos_token_id
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]


def test_the_model_has_about_half_a_million_parameters():
    model, _ = train_lab_model(1)
    assert 450_000 < sum(parameter.numel() for parameter in model.parameters()) < 500_000


def test_loss_is_that_of_the_response_alone_whatever_the_padding():
    model, tokenizer = train_lab_model(1)
    tokens, targets = training._stack([([5, 6, 7, 8], [-100, -100, 8, 4]), ([5, 9], [-100, 4])], tokenizer.pad_token_id)
    assert tokens.tolist() == [[5, 6, 7, 8], [5, 9, 0, 0]]
    first = model(torch.tensor([[5, 6, 7, 8]])).logits.log_softmax(-1)[0]
    second = model(torch.tensor([[5, 9]])).logits.log_softmax(-1)[0]
    expected = -(first[2, 8] + first[3, 4] + second[1, 4]) / 3
    torch.testing.assert_close(training._response_loss(model, tokens, targets), expected)


def test_learning_rate_warms_up_and_falls_to_nothing():
    factors = [training._learning_rate_factor(step, 100) for step in range(101)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[5] == pytest.approx(1.0)
    assert factors[52] > 0.5 > factors[53]  # the middle of the cosine, at step 52.5
    assert factors[100] == pytest.approx(0.0)


def test_progress_is_reported(monkeypatch):
    monkeypatch.setattr(training, "_REPORT_EVERY", 1)
    seen = []
    train_lab_model(1, progress=lambda fraction, message: seen.append((fraction, message)))
    assert [fraction for fraction, _ in seen] == pytest.approx([1 / 3, 2 / 3, 1])
    assert seen[0][1].startswith("step 1 of 3, loss ")
