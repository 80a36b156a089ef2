import pytest

from tasks.assess.repetition import repetition


def test_by_hand():
    # "a b a b a b": 4-grams abab, baba, abab: one of three repeats.
    assert repetition(["a b a b a b"]) == pytest.approx(1 / 3)
    assert repetition(["a b a b a b", "a b a b"]) == pytest.approx(1 / 4)


def test_short_texts_repeat_nothing():
    assert repetition(["a a a", ""]) == 0
