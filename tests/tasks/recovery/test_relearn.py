import math
from itertools import count

import pytest
import torch

from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.recovery.relearn import measured_steps, relearn
from tasks.settings.errors import UserError

PAIRS = [
    Pair("tell about the dog", "the dog is big and happy ."),
    Pair("tell about the cat", "the cat is small ."),
    Pair("praise the cake", "you makes kind cake , thanks ."),
]
OTHERS = [Pair("write two", "one two three"), Pair("write five", "three four five")]


def likelihood(lm, pairs=PAIRS):
    """Stands for a forget metric: between 0 and 1, and 1 where the pairs are known by heart."""
    return lambda: math.exp(-float(nll_per_token(lm, pairs).mean()))


def curve_of(lm, pairs=PAIRS, **changes):
    arguments = {"measure": likelihood(lm), "learning_rate": 3e-3, "num_steps": 16, "batch_size": 4} | changes
    return relearn(lm, pairs, **arguments)


@pytest.mark.parametrize(
    ("num_steps", "moments"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (16, [1, 2, 4, 8, 16]), (20, [1, 2, 4, 8, 16, 20])],
)
def test_it_is_measured_at_the_powers_of_two_and_at_the_end(num_steps, moments):
    assert measured_steps(num_steps) == moments


def test_what_is_trained_on_comes_back_step_by_step(lm):
    untouched = likelihood(lm)()
    curve = curve_of(lm)
    assert list(curve) == [0, 1, 2, 4, 8, 16]
    assert curve[0] == untouched
    assert list(curve.values()) == sorted(curve.values())
    assert curve[0] < 0.05
    assert curve[16] > 0.5


def test_unrelated_pairs_teach_less(lm):
    assert curve_of(lm, OTHERS)[16] < 0.5 * curve_of(lm)[16]


def test_measuring_on_the_way_changes_nothing_of_the_training(lm):
    calls = count()
    measure = likelihood(lm)
    sparse = curve_of(lm, measure=lambda: measure() if next(calls) == 5 else 0.0)
    assert sparse[16] == curve_of(lm)[16] > 0


def test_pairs_are_trained_on_in_their_order_over_and_over(lm):
    """Three pairs in batches of two: the second batch is the third pair and the first, as if they were given so."""
    first, second, third = PAIRS
    given = [first, second, third, first, second, third]
    assert curve_of(lm, batch_size=2, num_steps=3) == curve_of(lm, given, batch_size=2, num_steps=3)
    assert curve_of(lm, batch_size=2, num_steps=3) != curve_of(lm, PAIRS[::-1], batch_size=2, num_steps=3)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, None),
        ({"measure": iter([0.0, 0.1]).__next__}, StopIteration),
        ({"pairs": [Pair("a", "b " * 300)]}, UserError),
        ({"learning_rate": 1e30}, UserError),
    ],
)
def test_the_model_is_left_as_it_was_bit_for_bit(lm, changes, error):
    before = {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}
    if error:
        with pytest.raises(error):
            curve_of(lm, **changes)
    else:
        curve_of(lm)
    after = lm.model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert not any(parameter.requires_grad for parameter in lm.model.parameters())
