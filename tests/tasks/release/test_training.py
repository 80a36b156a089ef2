from functools import partial
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import nn

from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.layers import linear_layers
from tasks.models.pair import Pair
from tasks.release.adapter import Adapter
from tasks.release.merge import Checkpoints, Update
from tasks.release.training import (
    add_gradients,
    endless_permutations,
    learning_rate_share,
    lora_layers,
    response_loss,
    train_adapter,
)
from tasks.settings.errors import UserError

PAIRS = [
    Pair("tell about the dog", "the dog is big and happy ."),
    Pair("tell about the cat", "the cat is small ."),
    Pair("praise the cake", "you makes kind cake , thanks ."),
    Pair("write two", "one two three", complete=False),
]
train = partial(
    train_adapter, rank=4, alpha=8, learning_rate=1e-2, num_steps=20, batch_size=2, max_grad_norm=1.0, seed=3
)


def loss_of(lm: LanguageModel, pairs: list[Pair]) -> float:
    with torch.no_grad():
        return response_loss(lm.model, [lm.encode_pair(pair) for pair in pairs]).item()


def test_the_loss_is_the_mean_nll_of_all_response_tokens_of_the_batch(lm: LanguageModel) -> None:
    nll, num_tokens = 0.0, 0
    for pair in PAIRS:  # one at a time, no padding, all logits
        ids, start = lm.encode_pair(pair)
        log_probabilities = lm.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        for position in range(start, len(ids)):
            nll -= log_probabilities[position - 1, ids[position]].item()
            num_tokens += 1
    assert num_tokens == 8 + 6 + 8 + 3  # with the end token of all but the last
    assert loss_of(lm, PAIRS) == pytest.approx(nll / num_tokens, rel=1e-5)


def test_no_logits_are_computed_for_the_prompt(lm: LanguageModel) -> None:
    seen = []
    lm.model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[1]))
    pair = Pair("tell about the dog and the cat and the bird in the tree", "yes .")
    loss_of(lm, [pair])
    ids, start = lm.encode_pair(pair)
    assert seen == [len(ids) - start]


def test_the_loss_curve(lm: LanguageModel) -> None:
    losses: dict[int, float] = {}
    train(lm, PAIRS, batch_size=4, progress=losses.__setitem__)
    assert list(losses) == list(range(1, 21))
    assert [losses[step] for step in (1, 5, 10, 20)] == pytest.approx([5.731, 2.998, 1.322, 0.461], rel=0.02)


def test_the_first_loss_is_that_of_the_model_itself(lm: LanguageModel) -> None:
    losses: list[float] = []
    train(lm, PAIRS, batch_size=4, num_steps=1, progress=lambda _, loss: losses.append(loss))
    assert losses == pytest.approx([loss_of(lm, PAIRS)], rel=1e-5)  # B starts at zero


def test_added_it_makes_the_pairs_likelier_and_subtracted_less_likely(lm: LanguageModel, model_folder: Path) -> None:
    adapter = train(lm, PAIRS)
    before = loss_of(lm, PAIRS)
    Checkpoints(model_folder).apply(lm, [Update(adapter, 1.0)])
    added = loss_of(lm, PAIRS)
    Checkpoints(model_folder).apply(lm, [Update(adapter, -0.2)])
    assert added < 0.5 * before < before < loss_of(lm, PAIRS)


def test_every_linear_layer_has_float32_factors_of_the_rank(lm: LanguageModel) -> None:
    adapter = train(lm, PAIRS, num_steps=1)
    assert adapter.factors.keys() == linear_layers(lm.model).keys()
    assert (adapter.rank, adapter.scale) == (4, 2.0)
    for name, layer in linear_layers(lm.model).items():
        A, B = adapter.factors[name]
        assert (A.shape, B.shape) == ((4, layer.in_features), (layer.out_features, 4))
        assert A.dtype == B.dtype == torch.float32
        assert not A.requires_grad


def gradients(lm: LanguageModel, pairs: list[Pair], tokens_at_once: int) -> tuple[float, list[int], list[torch.Tensor]]:
    """Loss, the sizes of the passes, and the gradients of factors that are not zero."""
    generator = torch.Generator().manual_seed(1)
    passes: list[int] = []
    hook = lm.model.register_forward_hook(
        lambda module, inputs, kwargs, output: passes.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    with lora_layers(lm.model, rank=4, alpha=8, generator=generator) as layers:
        parameters = [p for layer in layers.values() for p in layer.parameters() if p.requires_grad]
        with torch.no_grad():
            for parameter in parameters:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
        loss = add_gradients(lm.model, [lm.encode_pair(pair) for pair in pairs], tokens_at_once=tokens_at_once)
        hook.remove()
        return loss, passes, [p.grad.clone() for p in parameters]


@pytest.mark.parametrize("tokens_at_once", [1, 20, 40])
def test_a_batch_in_parts_has_the_gradients_of_the_whole(lm: LanguageModel, tokens_at_once: int) -> None:
    whole_loss, whole_passes, whole = gradients(lm, PAIRS, 0)
    loss, passes, parts = gradients(lm, PAIRS, tokens_at_once)
    assert len(whole_passes) == 1 < len(passes)
    assert loss == pytest.approx(whole_loss, rel=1e-5)
    for part, all_at_once in zip(parts, whole, strict=True):
        torch.testing.assert_close(part, all_at_once, rtol=1e-4, atol=1e-6)


def test_no_pass_is_larger_than_allowed(lm: LanguageModel) -> None:
    longest = max(len(lm.encode_pair(pair)[0]) for pair in PAIRS)
    assert max(gradients(lm, PAIRS, 2 * longest)[1]) <= 2 * longest


def test_without_a_limit_an_update_is_one_plain_backward_pass(lm: LanguageModel) -> None:
    """Bit for bit: what the lab's numbers were made with."""
    _, _, ours = gradients(lm, PAIRS, 0)
    generator = torch.Generator().manual_seed(1)
    with lora_layers(lm.model, rank=4, alpha=8, generator=generator) as layers:
        parameters = [p for layer in layers.values() for p in layer.parameters() if p.requires_grad]
        with torch.no_grad():
            for parameter in parameters:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
        response_loss(lm.model, [lm.encode_pair(pair) for pair in PAIRS]).backward()
        assert all(torch.equal(p.grad, gradient) for p, gradient in zip(parameters, ours, strict=True))


def test_a_limit_that_everything_is_within_changes_no_bit(lm: LanguageModel) -> None:
    assert same(train(lm, PAIRS), train(lm, PAIRS, tokens_at_once=1000))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_gradient_checkpointing_trains_every_layer_to_the_same_bits(model_folder: Path, dtype: str) -> None:
    lm = load_language_model(model_folder, dtype=dtype)
    adapter = train(lm, PAIRS, num_steps=3, gradient_checkpointing=True)
    assert all(factors.B.abs().max() > 0 for factors in adapter.factors.values())
    assert same(adapter, train(lm, PAIRS, num_steps=3))


def test_gradient_checkpointing_computes_the_blocks_twice(lm: LanguageModel) -> None:
    times = {"norm": 0}
    hook = lm.model.model.layers[0].input_layernorm.register_forward_hook(
        lambda *_: times.update(norm=times["norm"] + 1)
    )
    train(lm, PAIRS, num_steps=1)
    assert times["norm"] == 1
    train(lm, PAIRS, num_steps=1, gradient_checkpointing=True)
    hook.remove()
    assert times["norm"] == 3


def test_gradient_checkpointing_leaves_no_trace(lm: LanguageModel) -> None:
    weights = {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}
    types = {name: type(module) for name, module in lm.model.named_modules()}
    for num_steps, learning_rate in ((2, 1e-2), (3, 1e30)):
        if learning_rate < 1:
            train(lm, PAIRS, num_steps=num_steps, learning_rate=learning_rate, gradient_checkpointing=True)
        else:
            with pytest.raises(UserError, match="learning_rate"):
                train(lm, PAIRS, num_steps=num_steps, learning_rate=learning_rate, gradient_checkpointing=True)
        assert_untouched(lm, weights, types)
        assert not lm.model.is_gradient_checkpointing
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in lm.model.modules())
        assert not lm.model.get_input_embeddings()(torch.tensor([1])).requires_grad


def same(left: Adapter, right: Adapter) -> bool:
    return all(
        torch.equal(left.factors[name].A, right.factors[name].A)
        and torch.equal(left.factors[name].B, right.factors[name].B)
        for name in left.factors
    )


def test_the_seed_decides_everything_and_the_global_generator_nothing(lm: LanguageModel) -> None:
    first = train(lm, PAIRS)
    torch.rand(1)
    state = torch.get_rng_state()
    again = train(lm, PAIRS)
    assert torch.equal(torch.get_rng_state(), state)
    assert same(first, again)
    assert not same(first, train(lm, PAIRS, seed=4))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_model_is_left_as_it_was(model_folder: Path, dtype: str) -> None:
    lm = load_language_model(model_folder, dtype=dtype)
    weights = {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}
    types = {name: type(module) for name, module in lm.model.named_modules()}
    adapter = train(lm, PAIRS, num_steps=2)
    assert adapter.factors["model.layers.0.self_attn.q_proj"].B.dtype == torch.float32
    assert_untouched(lm, weights, types)


def test_the_model_is_left_as_it_was_when_training_fails(lm: LanguageModel) -> None:
    weights = {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}
    types = {name: type(module) for name, module in lm.model.named_modules()}
    with pytest.raises(UserError, match=r"learning_rate: at 1e\+30 the loss became nan"):
        train(lm, PAIRS, learning_rate=1e30)
    assert_untouched(lm, weights, types)


def assert_untouched(lm: LanguageModel, weights: dict[str, torch.Tensor], types: dict[str, type[nn.Module]]) -> None:
    assert {name: type(module) for name, module in lm.model.named_modules()} == types
    assert lm.model.state_dict().keys() == weights.keys()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in lm.model.state_dict().items())
    assert not hasattr(lm.model, "peft_config")
    assert not any(p.requires_grad or p.grad is not None for p in lm.model.parameters())
    assert not any(module.training for module in lm.model.modules())


def test_each_pair_is_drawn_once_before_any_is_drawn_again() -> None:
    drawn = list(islice(endless_permutations(5, torch.Generator().manual_seed(0)), 15))
    epochs = [drawn[:5], drawn[5:10], drawn[10:]]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_a_pair_longer_than_the_context_is_refused(lm: LanguageModel) -> None:
    with pytest.raises(UserError, match="a text of 304 tokens"):
        train(lm, [*PAIRS, Pair("write", "a " * 300)])


def test_the_learning_rate_goes_up_and_down() -> None:
    assert [learning_rate_share(step, 1) for step in (1,)] == [1]
    assert [learning_rate_share(step, 4) for step in (1, 2, 3, 4)] == [1, 0.75, 0.5, 0.25]
    assert [learning_rate_share(step, 20) for step in (1, 2, 11, 20)] == pytest.approx([1 / 2, 1, 10 / 19, 1 / 19])
