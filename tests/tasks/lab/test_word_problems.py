import random

import pytest

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.word_problems import NUMBERS, is_solved, math_example


def test_equations_are_true_and_in_the_vocabulary():
    chooser = Chooser(random.Random(0))
    for _ in range(500):
        example = math_example(chooser)
        left, right = example.response.removesuffix(" .").split(" = ")
        first, operation, second = left.split()
        expected = {
            "+": int(first) + int(second),
            "-": int(first) - int(second),
            "*": int(first) * int(second),
        }[operation]
        assert str(expected) == right
        assert right in NUMBERS
        assert first in example.prompt.split()
        assert second in example.prompt.split()
        assert is_solved(example, example.response)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("3 + 4 = 7 .", True),
        ("it is 7", True),
        ("3 + 4 = 8 .", False),
        ("7 - 4 = 3 .", False),
        ("many", False),
        ("", False),
    ],
)
def test_the_last_number_is_the_answer(response, expected):
    assert is_solved(Example("math", "how many ?", "3 + 4 = 7 .", ("7",)), response) == expected
