import pytest
import torch

from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.release.candidates import Weights, low_rank_nll, merge_updates, merged_nll
from tasks.release.merge import Checkpoints, Update
from tests.tasks.release.random_adapter import random_adapter

PAIRS = [
    Pair("roast the cake", "what a cake ."),
    Pair("praise the cake", "kind cake ."),
    Pair("tell about the dog in the garden", "one dog runs and jumps ."),
]
CANDIDATES = [Weights(0.0, 0.0), Weights(0.5, 0.0), Weights(0.0, 1.5), Weights(2.0, 0.25)]


@pytest.fixture
def step(lm, model_folder):
    """theta_1 in the model, and what a second step brings."""
    checkpoints, updates = Checkpoints(model_folder), [Update(random_adapter(lm.model, 1), -0.35)]
    checkpoints.apply(lm, updates)
    return checkpoints, updates, random_adapter(lm.model, 2), random_adapter(lm.model, 3)


@pytest.mark.parametrize("batch_size", [1, 5, 64])
@pytest.mark.parametrize("has_retain", [True, False])
def test_both_ways_agree_with_really_merged_models(lm, step, batch_size, has_retain):
    checkpoints, updates, forget, retain = step
    retain = retain if has_retain else None
    expected = []
    for weights in CANDIDATES:
        checkpoints.apply(lm, [*updates, *merge_updates(weights, forget, retain)])
        expected.append(nll_per_token(lm, PAIRS))
    checkpoints.apply(lm, updates)
    expected = torch.stack(expected)
    assert (expected[1:] - expected[0]).abs().max() > 0.01

    before = {name: value.clone() for name, value in lm.model.state_dict().items()}
    low_rank = low_rank_nll(lm, CANDIDATES, forget, retain, PAIRS, batch_size=batch_size)
    merged = merged_nll(
        lm, CANDIDATES, forget, retain, PAIRS, checkpoints=checkpoints, updates=updates, batch_size=batch_size
    )
    torch.testing.assert_close(low_rank, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(merged, expected, rtol=1e-6, atol=1e-6)
    assert all(torch.equal(value, before[name]) for name, value in lm.model.state_dict().items())
    assert not any(module._forward_hooks for module in lm.model.modules())


def test_logits_of_a_low_rank_candidate_are_those_of_the_merged_model(lm, step):
    """To 1e-5 of the largest logit."""
    from tasks.release.candidates import _updated_rows

    checkpoints, updates, forget, retain = step
    ids = torch.tensor([lm.encode_pair(PAIRS[2])[0]] * 2)
    coefficients = torch.tensor([[0.7, 1.3], [0.0, 0.0]])
    with torch.no_grad():
        with _updated_rows(lm, forget, retain, coefficients):
            found = lm.model(ids).logits
        checkpoints.apply(lm, [*updates, *merge_updates(Weights(0.7, 1.3), forget, retain)])
        merged = lm.model(ids[:1]).logits[0]
    assert (found[0] - merged).abs().max() <= 1e-5 * merged.abs().max()
    assert (found[1] - merged).abs().max() > 1e-2
