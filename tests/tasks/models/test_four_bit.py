"""A model in 4 bits while an adapter is trained on it; needs bitsandbytes (extra quant), which runs on a CPU."""

import importlib.util
from dataclasses import replace
from functools import partial

import pytest
import torch
from peft.tuners.lora import LoraLayer

from benchmarks import memory
from tasks.models.four_bit import in_4bit, require_bitsandbytes
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.layers import linear_layers
from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.models.shape import read_shape
from tasks.release.candidates import Weights, low_rank_nll
from tasks.release.memory import training_bytes
from tasks.release.training import lora_layers, train_adapter
from tasks.settings.errors import UserError

PAIRS = [Pair("tell about the dog", "the dog is big and happy ."), Pair("tell about the cat", "the cat is small .")]
train = partial(
    train_adapter, rank=4, alpha=8, learning_rate=1e-2, num_steps=20, batch_size=2, max_grad_norm=1.0, seed=3
)
needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes (extra quant) is not installed"
)


@pytest.fixture(params=["float32", "bfloat16"])
def lm(request, chat_folder) -> LanguageModel:
    return load_language_model(chat_folder, dtype=request.param)


def logits(lm: LanguageModel) -> torch.Tensor:
    with torch.no_grad():
        return lm.model(torch.tensor([lm.encode_pair(PAIRS[0])[0]])).logits.float()


def test_without_bitsandbytes_it_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"install the extra quant, or use release\.train_in full"):
        require_bitsandbytes()


@needs_bitsandbytes
def test_layers_are_coded_inside_the_block_and_as_before_after_it(lm):
    before = {name: parameter.detach().clone() for name, parameter in lm.model.named_parameters()}
    modules, parameters = dict(lm.model.named_modules()), dict(lm.model.named_parameters())
    plain = logits(lm)
    with in_4bit(lm.model):
        assert all(layer.weight.dtype == torch.uint8 for layer in linear_layers(lm.model).values())
        coded = logits(lm)
    assert dict(lm.model.named_modules()) == modules
    assert all(parameter is parameters[name] for name, parameter in lm.model.named_parameters())
    assert all(torch.equal(parameter, before[name]) for name, parameter in lm.model.named_parameters())
    assert torch.equal(logits(lm), plain)
    assert 0 < (coded - plain).norm() < 0.5 * plain.norm()


@needs_bitsandbytes
def test_the_layers_come_back_when_the_work_fails(lm):
    plain = logits(lm)
    with pytest.raises(RuntimeError, match="no memory"), in_4bit(lm.model):
        raise RuntimeError("no memory")
    assert torch.equal(logits(lm), plain)


@needs_bitsandbytes
def test_the_adapter_is_trained_on_pefts_own_4bit_layers(lm):
    from peft.tuners.lora.bnb import Linear4bit

    with in_4bit(lm.model), lora_layers(lm.model, rank=2, alpha=4, generator=torch.Generator()) as layers:
        assert layers
        assert all(isinstance(layer, Linear4bit) for layer in layers.values())
        assert all(p.dtype == torch.float32 for layer in layers.values() for p in layer.parameters() if p.requires_grad)
    assert not any(isinstance(module, LoraLayer) for module in lm.model.modules())


@needs_bitsandbytes
@pytest.mark.parametrize("gradient_checkpointing", [False, True])
def test_an_adapter_trained_in_4bit_makes_the_pairs_likelier_under_the_plain_model(lm, gradient_checkpointing):
    losses: list[float] = []
    with in_4bit(lm.model):
        adapter = train(
            lm, PAIRS, gradient_checkpointing=gradient_checkpointing, progress=lambda _, loss: losses.append(loss)
        )
    assert losses[-1] < 0.5 * losses[0]
    subtracted = Weights(-1.0, 0.0)  # a below zero: added
    learned = low_rank_nll(lm, [subtracted], adapter, None, PAIRS, batch_size=2)[0]
    assert learned.mean() < 0.6 * nll_per_token(lm, PAIRS).mean()


@needs_bitsandbytes
def test_the_bytes_are_those_predicted(lm, chat_folder):
    shape = read_shape(chat_folder / "config.json", dtype=str(lm.model.dtype).removeprefix("torch."))
    assert sum(p.nbytes for p in lm.model.parameters()) == shape.model
    with in_4bit(lm.model):
        held = sum(p.nbytes for p in lm.model.parameters())
        for layer in linear_layers(lm.model).values():
            held += layer.weight.quant_state.absmax.nbytes + layer.weight.quant_state.state2.absmax.nbytes
    assert held == pytest.approx(shape.model_in_4bit, rel=0.01)


@needs_bitsandbytes
def test_the_peak_of_training_is_the_one_predicted():
    shape = replace(memory.SIZES[0], layers=2)
    lm = memory.random_model(shape, "cpu")
    with in_4bit(lm.model):
        peak = memory.peak_bytes(lambda: memory.train(lm, 4, num_steps=2, gradient_checkpointing=True))
    predicted = training_bytes(
        shape,
        sequences=4,
        length=memory.PROMPT + memory.RESPONSE,
        response=memory.RESPONSE,
        rank=memory.RANK,
        gradient_checkpointing=True,
    )
    one_layer = shape.element * shape.hidden * shape.mlp
    assert peak == pytest.approx(predicted + one_layer, rel=0.05)
