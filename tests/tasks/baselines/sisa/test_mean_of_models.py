import copy
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tasks.assess.measure import measure, measure_rounded
from tasks.baselines.next_token import language_model_of
from tasks.baselines.sisa.mean_of_models import MeanOfModels
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.layers import linear_layers
from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.models.sampling import Sampling
from tasks.targets.checkpoint import Checkpoint
from tests.tasks.assess.test_measure import ASKED, FakeTarget

PROMPTS = ["tell about the dog", "write", "praise the red cake in the garden", "hello", "one two three"]
PAIRS = [Pair("tell", "the dog"), Pair("write my letter", "hello you , thanks ."), Pair("praise", "one")]


@pytest.fixture(scope="module")
def members(base: Path) -> list[LanguageModel]:
    """Three models that differ in their linear layers."""
    lms = [load_language_model(base) for _ in range(3)]
    for seed, lm in enumerate(lms):
        generator = torch.Generator().manual_seed(seed)
        for layer in linear_layers(lm.model).values():
            layer.weight.add_(0.05 * torch.randn(layer.weight.shape, generator=generator))
    return lms


@pytest.fixture(scope="module")
def mean(members: list[LanguageModel]) -> LanguageModel:
    return LanguageModel(MeanOfModels([copy.deepcopy(lm.model) for lm in members]).eval(), members[0].tokenizer)


def mean_by_hand(members: list[LanguageModel], ids: Tensor) -> Tensor:
    return sum(lm.model(ids, use_cache=False).logits.softmax(-1) for lm in members) / len(members)


def written(lm: LanguageModel, *, temperature: float, batch_size: int = 64) -> list[list[str]]:
    generator = TransformersGenerator(lm, batch_size=batch_size)
    completions = generator.generate(PROMPTS, n=3, sampling=Sampling(20, temperature=temperature), seed=7)
    return [[completion.text for completion in of_prompt] for of_prompt in completions]


def test_the_probabilities_are_the_mean_of_those_of_the_members(members, mean):
    ids = torch.tensor([mean.encode_prompt("tell about the dog"), mean.encode_prompt("write a red cake")])
    expected = mean_by_hand(members, ids)
    log_probs = mean.model(ids).logits
    assert torch.allclose(log_probs.exp(), expected, atol=1e-6)
    assert torch.allclose(log_probs.exp().sum(-1), torch.ones(ids.shape), atol=1e-5)
    of_one = members[0].model(ids).logits.softmax(-1)
    assert (of_one - expected).abs().max() > 0.05  # so that the members do differ
    assert torch.allclose(mean.model(ids, logits_to_keep=1).logits, log_probs[:, -1:], atol=1e-6)
    kept = mean.model(ids, logits_to_keep=torch.tensor([0, 2])).logits
    assert torch.allclose(kept, log_probs[:, [0, 2]], atol=1e-6)


def test_greedy_answers_are_those_of_a_loop_without_a_cache(members, mean):
    expected = []
    for prompt in PROMPTS:
        ids = mean.encode_prompt(prompt)
        begin = len(ids)
        while len(ids) < begin + 20:
            ids = [*ids, int(mean_by_hand(members, torch.tensor([ids]))[0, -1].argmax())]
            if ids[-1] in mean.end_token_ids:
                break
        expected.append([mean.decode(ids[begin:])] * 3)
    assert len({len(text.split()) for (text, *_) in expected}) > 1  # rows end at different times
    assert written(mean, temperature=0.0) == expected


@pytest.mark.parametrize("batch_size", [64, 4])
def test_samples_and_likelihoods_are_those_of_the_distribution_as_a_callable(members, mean, batch_size):
    asked = language_model_of(lambda ids: mean_by_hand(members, ids).log(), mean)
    assert written(mean, temperature=1.0, batch_size=batch_size) == written(asked, temperature=1.0)
    assert nll_per_token(mean, PAIRS).tolist() == pytest.approx(nll_per_token(asked, PAIRS).tolist(), rel=1e-5)


def test_equal_members_are_the_model_itself(members):
    itself = members[0]
    mean = LanguageModel(MeanOfModels([copy.deepcopy(itself.model) for _ in range(4)]).eval(), itself.tokenizer)
    ids = torch.tensor([mean.encode_prompt("tell about the dog")])
    assert torch.allclose(mean.model(ids).logits, itself.model(ids).logits.log_softmax(-1), atol=1e-5)
    assert written(mean, temperature=0.0) == written(itself, temperature=0.0)
    assert written(mean, temperature=1.0) == written(itself, temperature=1.0)


def test_embeddings_and_head_are_held_once_and_never_rounded(members, mean):
    layers = linear_layers(mean.model)
    assert len(layers) == 3 * len(linear_layers(members[0].model))
    assert not any("lm_head" in name for name in layers)
    num_parameters = partial(sum, start=0)
    of_layers = sum(layer.weight.numel() for layer in linear_layers(members[0].model).values())
    of_one = num_parameters(p.numel() for p in members[0].model.parameters())
    norms = sum(p.numel() for name, p in members[0].model.named_parameters() if "norm" in name)
    assert num_parameters(p.numel() for p in mean.model.parameters()) == of_one + 2 * (of_layers + norms)


def test_it_is_measured_like_any_model(mean):
    target, checkpoint = FakeTarget(), Checkpoint(mean, **ASKED)
    scores = measure(checkpoint, target, "tune", kept=PAIRS, revealed=PAIRS[:1], prefill_tokens=1)
    greedy, prefilled, _ = target.seen["answers"]
    assert greedy != prefilled
    assert scores.own_nll == pytest.approx(float(nll_per_token(mean, PAIRS[:1]).mean()))
    before = {name: layer.weight.clone() for name, layer in linear_layers(mean.model).items()}
    assert set(measure_rounded(checkpoint, target, "tune", "int4_g64")) == {"forget", "utility"}
    assert all(torch.equal(layer.weight, before[name]) for name, layer in linear_layers(mean.model).items())
