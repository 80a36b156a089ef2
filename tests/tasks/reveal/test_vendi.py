import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.reveal.vendi import VendiAccumulator, vendi_score


def unit_rows(seed, n, d):
    rows = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return rows / rows.norm(dim=1, keepdim=True)


row_sets = st.builds(unit_rows, st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 8))


def test_orthogonal_rows_count_in_full():
    assert vendi_score(torch.eye(5, 9).double()) == pytest.approx(5)


def test_copies_count_once():
    assert vendi_score(unit_rows(0, 1, 4).expand(7, 4)) == pytest.approx(1)


def test_two_rows_by_hand():
    # Cosine 0.6: eigenvalues of the Gram over two are 0.8 and 0.2, exp of their entropy is 1.6494.
    rows = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=torch.float64)
    assert vendi_score(rows) == pytest.approx(0.8**-0.8 * 0.2**-0.2)


def test_nothing_is_worth_nothing():
    assert vendi_score(torch.empty(0, 4).double()) == 0
    assert VendiAccumulator(4).score == 0


@settings(deadline=None)
@given(row_sets)
def test_between_one_and_all(rows):
    assert 1 - 1e-9 <= vendi_score(rows) <= min(rows.shape) + 1e-9


@settings(deadline=None)
@given(row_sets)
def test_doubling_changes_nothing(rows):
    assert vendi_score(torch.cat([rows, rows])) == pytest.approx(vendi_score(rows))


@settings(deadline=None)
@given(row_sets)
def test_both_grams_agree(rows):
    padded = torch.cat([rows, torch.zeros(len(rows), 20).double()], dim=1)  # now the other Gram is the smaller one
    assert vendi_score(padded) == pytest.approx(vendi_score(rows))


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 9), st.integers(0, 9))
def test_accumulated_is_the_score_of_all_rows(seed, num_first, num_batch):
    rows = unit_rows(seed, num_first + num_batch, 6)
    accumulator = VendiAccumulator(6)
    accumulator.add(rows[:num_first])
    assert accumulator.score == pytest.approx(vendi_score(rows[:num_first]))
    assert accumulator.score == pytest.approx(vendi_score(rows[:num_first]))  # asking adds nothing
    accumulator.add(rows[num_first:])
    assert accumulator.score == pytest.approx(vendi_score(rows))


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 9), st.integers(0, 9))
def test_the_score_with_more_rows_is_that_after_they_are_added(seed, num_first, num_batch):
    rows = unit_rows(seed, num_first + num_batch, 6)
    accumulator = VendiAccumulator(6)
    accumulator.add(rows[:num_first])
    expected = accumulator.score_with(rows[num_first:])
    assert accumulator.score == pytest.approx(vendi_score(rows[:num_first])), "they are not taken in"
    accumulator.add(rows[num_first:])
    assert expected == pytest.approx(accumulator.score)


def test_rows_must_be_unit_rows():
    with pytest.raises(AssertionError, match="unit rows"):
        vendi_score(2 * torch.eye(3).double())
