from functools import partial

import pytest
import torch

from tasks.baselines.sisa.slice_training import Checkpoint, load_checkpoint, num_updates, save_checkpoint, train_slice
from tasks.models.pair import Pair
from tasks.release.adapter import Factors
from tasks.settings.errors import UserError

FIRST = [Pair("tell about the dog", "the dog is big ."), Pair("tell about the cat", "the cat is small .")]
BOTH = [*FIRST, Pair("praise the cake", "kind cake , thanks .")]
train = partial(train_slice, rank=4, alpha=8, learning_rate=1e-2, epochs=4, batch_size=2, max_grad_norm=1.0)


def are_equal(one: Checkpoint, other: Checkpoint) -> bool:
    def tensors(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
        factors = {
            f"{name}.{side}": getattr(f, side) for name, f in checkpoint.adapter.factors.items() for side in "AB"
        }
        return factors | dict(checkpoint.moments)

    first, second = tensors(one), tensors(other)
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(("num_pairs", "updates"), [(0, 0), (1, 3), (4, 3), (5, 4), (8, 6)])
def test_each_pair_is_drawn_once_an_epoch(num_pairs, updates):
    assert num_updates(num_pairs, epochs=3, batch_size=4) == updates


def test_from_a_file_training_goes_on_as_from_memory(lm, tmp_path):
    first = train(lm, FIRST, start=None, seed=1)
    (tmp_path / "first").mkdir()
    save_checkpoint(first, tmp_path / "first")
    read = load_checkpoint(tmp_path / "first")
    assert are_equal(read, first)
    second = train(lm, BOTH, start=first, seed=2)
    assert are_equal(train(lm, BOTH, start=read, seed=2), second)
    assert not are_equal(train(lm, BOTH, start=Checkpoint(first.adapter, {}), seed=2), second)  # the moments count


def test_the_moments_are_those_of_adamw_after_all_updates(lm):
    first = train(lm, FIRST, start=None, seed=1)
    second = train(lm, BOTH, start=first, seed=2)
    assert {key.rpartition(".")[2] for key in second.moments} == {"step", "exp_avg", "exp_avg_sq"}
    steps = {float(value) for key, value in second.moments.items() if key.endswith(".step")}
    assert steps == {4 + 6}  # 2 pairs, then 3, 4 times each, 2 at once


def test_neither_the_model_nor_the_global_generator_is_changed(lm):
    before, state = {name: p.clone() for name, p in lm.model.named_parameters()}, torch.get_rng_state()
    train(lm, FIRST, start=None, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    after = dict(lm.model.named_parameters())
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_without_pairs_nothing_is_learned(lm):
    fresh = train(lm, [], start=None, seed=1)
    assert not fresh.moments
    assert all(not factors.B.any() and factors.A.any() for factors in fresh.adapter.factors.values())
    first = train(lm, FIRST, start=None, seed=1)
    assert are_equal(train(lm, [], start=first, seed=2), first)
    assert isinstance(next(iter(first.adapter.factors.values())), Factors)


def test_what_cannot_be_trained_is_refused(lm):
    with pytest.raises(UserError, match="longer than the 256"):
        train(lm, [Pair("tell", "dog " * 300)], start=None, seed=1)
    with pytest.raises(UserError, match="sisa: at a learning rate of"):
        train(lm, FIRST, start=None, seed=1, learning_rate=1e30)
