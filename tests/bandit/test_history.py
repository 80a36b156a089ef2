import math

import pytest
import torch

from bandit.history import History


def make_history(num_arms=6, num_initial=3):
    return History(num_arms, num_initial=num_initial, generator=torch.Generator().manual_seed(0))


def test_initial_arms_are_handed_out_until_enough_were_played():
    history = make_history()
    drawn = history.initial_arms(9)
    assert len(set(drawn)) == 3
    others = [arm for arm in range(6) if arm not in drawn]
    history.tell(others[0], 0.1)
    assert history.initial_arms(9) == drawn[:2]  # one that was not drawn counts too
    history.tell(drawn[0], 0.2)
    assert history.initial_arms(9) == drawn[1:2]
    history.tell(others[1], 0.3)
    assert history.initial_arms(9) == []


def test_unplayed():
    history = make_history()
    history.tell(4, 1.0), history.tell(0, 1.0)
    assert history.is_unplayed().tolist() == [False, True, True, True, False, True]


def test_what_cannot_be_told_is_refused():
    history = make_history()
    history.tell(3, 0.5)
    with pytest.raises(ValueError, match="arm 3 was played before"):
        history.tell(3, 0.5)
    for arm in (6, -1):
        with pytest.raises(ValueError, match=f"one of the 6 rows of the features, not {arm}"):
            history.tell(arm, 0.5)
    with pytest.raises(ValueError, match="the reward of arm 2 must be a finite number, not nan"):
        history.tell(2, math.nan)
    assert (history.arms, history.rewards) == ([3], [0.5])
