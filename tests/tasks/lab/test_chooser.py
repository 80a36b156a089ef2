import random
from collections import Counter

import pytest

from tasks.lab.chooser import Chooser


def shares(peakedness):
    chooser = Chooser(random.Random(0), peakedness)
    return {item: count / 20_000 for item, count in Counter(chooser.pick("abc") for _ in range(20_000)).items()}


def test_no_peakedness_is_uniform():
    assert shares(0) == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, abs=0.02)


def test_zipf_shares():
    assert shares(1) == pytest.approx({"a": 6 / 11, "b": 3 / 11, "c": 2 / 11}, abs=0.02)  # 1 : 1/2 : 1/3


def test_same_generator_state_same_choices():
    first, second = (Chooser(random.Random(4), 0.7) for _ in range(2))
    assert [first.pick(range(100)) for _ in range(20)] == [second.pick(range(100)) for _ in range(20)]
