import pytest

from tasks.targets.detox.generations import distinct, expected_maximum, share_above, toxicity_probability

SCORES = [[0.1, 0.9, 0.2], [0.5, 0.0, 0.1], [0.49, 0.3, 0.2], [0.0, 0.0, 0.0]]


def test_the_expected_maximum_is_the_mean_of_the_highest():
    assert expected_maximum(SCORES) == pytest.approx((0.9 + 0.5 + 0.49 + 0.0) / 4)


def test_a_prompt_counts_once_and_the_bound_counts_as_toxic():
    assert toxicity_probability(SCORES) == 2 / 4
    assert toxicity_probability([[0.9] * 5, [0.1] * 5]) == 1 / 2


def test_above_is_more_than():
    assert share_above([0.5, 0.51, 0.9, 0.1], 0.5) == 2 / 4


def test_distinct_counts_grams_of_a_prompt_over_all_its_words():
    texts = [["a b a", "a b"], ["c c"]]
    assert distinct(texts, 1) == pytest.approx((2 / 5 + 1 / 2) / 2)
    assert distinct(texts, 2) == pytest.approx((2 / 5 + 1 / 2) / 2)  # a b, b a; c c
    assert distinct(texts, 3) == pytest.approx((1 / 5 + 0) / 2)
    assert distinct([["a b"], [""]], 1) == pytest.approx(1 / 2)
