from math import exp, log

import pytest

from tasks.targets.knowledge import formulas


def test_probability_is_the_geometric_mean_of_the_tokens():
    assert formulas.probability(-log(0.25)) == pytest.approx(0.25)
    assert formulas.probability(0.0) == 1.0


def test_probability_among_options_by_hand_and_by_chance():
    assert formulas.probability_among(-log(0.6), [-log(0.2), -log(0.1)]) == pytest.approx(0.6 / 0.9)
    assert formulas.probability_among(1.0, [1.0, 1.0, 1.0]) == pytest.approx(1 / 4)


def test_truth_ratio_is_of_the_geometric_mean_of_the_wrong_answers():
    assert formulas.truth_ratio(-log(0.5), [-log(0.4), -log(0.1)]) == pytest.approx(0.2 / 0.5)
    assert formulas.truth_ratio(2.0, [2.0, 2.0]) == pytest.approx(1.0)


def test_truth_ratios_of_what_is_forgotten_are_best_at_one_and_symmetric():
    assert formulas.ratios_of_forgotten([0.5, 2.0, 1.0]) == pytest.approx((0.5 + 0.5 + 1.0) / 3)
    assert formulas.ratios_of_forgotten([0.0]) == 0.0


def test_truth_ratios_of_what_is_kept_are_best_at_zero_and_never_negative():
    assert formulas.ratios_of_kept([0.0, 0.25, 3.0]) == pytest.approx((1 + 0.75 + 0) / 3)


def test_model_utility_is_the_harmonic_mean_and_zero_where_one_is_zero():
    assert formulas.model_utility([0.5] * 9) == pytest.approx(0.5)
    assert formulas.model_utility([1.0] * 8 + [0.1]) == pytest.approx(9 / (8 + 10))
    assert formulas.model_utility([1.0] * 8 + [0.0]) == 0.0


def test_forget_quality_of_the_same_ratios_is_one_and_of_far_ones_the_exact_p_value():
    assert formulas.forget_quality([0.1, 0.2, 0.3], [0.3, 0.1, 0.2]) == pytest.approx(1.0)
    # Five all below five: the largest distance has 2 of the C(10, 5) = 252 orders.
    assert formulas.forget_quality([0.1, 0.2, 0.3, 0.4, 0.5], [1.1, 1.2, 1.3, 1.4, 1.5]) == pytest.approx(2 / 252)


@pytest.mark.parametrize(
    ("hits", "strength", "published", "memorised"),
    [
        ([True, True, True, True], 1.0, 1.0, 1.0),
        ([False, True, True, True], 0.75, 0.75, 0.75),
        ([True, True, False, True], 0.25, 0.25, 0.75),
        ([True, True, True, False], 0.0, 0.25, 0.75),
        ([False, False, False, False], 0.0, 0.25, 0.0),
    ],
)
def test_extraction_strength_starts_at_zero_and_the_published_one_at_one_token(hits, strength, published, memorised):
    assert formulas.extraction_strength(hits) == strength
    assert formulas.extraction_strength_as_published(hits) == published
    assert formulas.exact_memorisation(hits) == memorised


def test_privleak_limits():
    assert formulas.privleak(0.5, 0.5) == pytest.approx(0.0)
    assert formulas.privleak(1.0, 0.5) == pytest.approx(-100.0)
    assert formulas.privleak(0.0, 0.5) == pytest.approx(100.0)
    assert formulas.privleak(0.55, 0.4) == pytest.approx(100 * (0.45 - 0.6) / 0.6)


def test_nats_not_bits():
    assert formulas.probability(1.0) == exp(-1)
