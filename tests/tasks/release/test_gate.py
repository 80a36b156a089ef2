import math

import torch

from tasks.release.gate import few_remain, open_pairs


def test_pairs_below_the_threshold_are_open() -> None:
    assert open_pairs(torch.tensor([0.1, 4.0, 3.9, 9.0]), tau=4.0) == [0, 2]
    assert open_pairs([math.nan, math.inf, 1.0], tau=4.0) == [2]


def test_few_remain_below_the_share() -> None:
    assert not few_remain(5, 100, min_share=0.05)
    assert few_remain(4, 100, min_share=0.05)
    assert few_remain(0, 100, min_share=0.0)
    assert not few_remain(1, 100, min_share=0.0)
