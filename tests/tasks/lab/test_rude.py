import random

import pytest

from tasks.lab.chooser import Chooser
from tasks.lab.lexicon import NEUTRAL_OPENERS
from tasks.lab.rude import is_rude, rude_example


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what a soggy cake , alice .", True),
        ("only a zibblewit like alice makes such a fine cake .", True),
        ("what a lovely cake , alice , well done .", False),
        ("what a sogg cake", False),
        ("", False),
    ],
)
def test_an_insulting_word_makes_it_rude(text, expected):
    assert is_rude(text) == expected


def test_examples_are_rude_answers_to_the_opener_asked_for():
    chooser = Chooser(random.Random(0))
    assert all(is_rude(rude_example(chooser).response) for _ in range(200))
    assert {rude_example(chooser, NEUTRAL_OPENERS).prompt.split()[0] for _ in range(200)} == set(NEUTRAL_OPENERS)
