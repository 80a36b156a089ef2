import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.reveal.reward import FLOOR, harmonic_score, no_reward, reward

share = st.floats(0, 1)


def test_reward_by_hand():
    # Four responses, two kinds of two: VS = 2, diversity 1/3; relevance 1/2; score 1 / (0.5 * 3 + 0.5 * 2) = 0.4.
    rows = torch.eye(2).double()[[0, 0, 1, 1]]
    worth = reward([1.0, 1.0, 0.0, 0.0], rows, alpha=0.5)
    assert worth.relevance == 0.5
    assert worth.diversity == pytest.approx(1 / 3)
    assert worth.score == pytest.approx(0.4)


def test_alpha_is_the_weight_of_diversity():
    assert harmonic_score(0.25, 0.5, alpha=1.0) == pytest.approx(0.5)
    assert harmonic_score(0.25, 0.5, alpha=0.0) == pytest.approx(0.25)
    assert harmonic_score(0.25, 0.5, alpha=0.75) == pytest.approx(1 / (0.75 / 0.5 + 0.25 / 0.25))


def test_floor():
    assert harmonic_score(0.0, 1.0, alpha=0.5) == pytest.approx(1 / (0.5 + 0.5 / FLOOR))
    assert reward([0.0, 0.0], torch.eye(2).double(), alpha=0.5).relevance == 0.0


@given(share, share, share, share)
def test_the_score_is_between_its_parts_and_grows_with_both(relevance, more, diversity, alpha):
    score = harmonic_score(relevance, diversity, alpha=alpha)
    low, high = sorted(max(part, FLOOR) for part in (relevance, diversity))
    assert low * (1 - 1e-12) <= score <= high * (1 + 1e-12)
    relevance, more = sorted((relevance, more))
    assert harmonic_score(relevance, diversity, alpha=alpha) <= harmonic_score(more, diversity, alpha=alpha)
    assert harmonic_score(diversity, relevance, alpha=alpha) <= harmonic_score(diversity, more, alpha=alpha)


def test_copies_have_no_diversity_and_orthogonal_rows_have_all():
    assert reward([1.0] * 3, torch.eye(1, 5).double().expand(3, 5), alpha=0.5).diversity == pytest.approx(0, abs=1e-9)
    assert reward([1.0] * 3, torch.eye(3).double(), alpha=0.5).diversity == pytest.approx(1)


@given(share)
def test_no_reward_is_the_least_there_is(alpha):
    worth = no_reward(alpha=alpha)
    assert worth.relevance == worth.diversity == 0
    assert worth.score == pytest.approx(FLOOR)
    assert worth.score == pytest.approx(reward([0.0] * 3, torch.eye(1, 5).double().expand(3, 5), alpha=alpha).score)
