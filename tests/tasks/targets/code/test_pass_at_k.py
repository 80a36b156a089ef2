from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.targets.code.pass_at_k import pass_at_k


@given(st.integers(1, 60), st.data())
def test_equals_the_share_of_subsets_with_a_right_sample(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    assert pass_at_k(num_samples=n, num_passed=c, k=k) == pytest.approx(1 - comb(n - c, k) / comb(n, k))


@pytest.mark.parametrize(
    ("n", "c", "k", "chance"), [(1, 0, 1, 0.0), (1, 1, 1, 1.0), (4, 1, 1, 0.25), (4, 2, 2, 5 / 6), (5, 4, 2, 1.0)]
)
def test_by_hand(n, c, k, chance):
    assert pass_at_k(num_samples=n, num_passed=c, k=k) == pytest.approx(chance)


def test_many_samples_do_not_overflow():
    assert pass_at_k(num_samples=100_000, num_passed=1, k=1_000) == pytest.approx(0.01)
