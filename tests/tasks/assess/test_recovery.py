import pytest

from tasks.assess.recovery import recovery, retention


def test_by_hand():
    assert recovery(quantised=0.83, full=0.21, original=1.0) == pytest.approx(0.62 / 0.79)
    assert recovery(quantised=0.0, full=0.0, original=1.0) == 0.0
    assert recovery(quantised=0.1, full=0.2, original=0.7) == pytest.approx(-0.2)
    assert retention(0.21, 1.0) == 0.21


def test_nothing_is_said_where_nothing_was_taken():
    assert recovery(quantised=0.9, full=0.96, original=1.0) is None
    assert recovery(quantised=0.9, full=0.95, original=1.0) == pytest.approx(-1.0)
    assert recovery(quantised=0.2, full=0.2, original=0.25) == 0.0
    assert retention(0.5, 0.0) is None
