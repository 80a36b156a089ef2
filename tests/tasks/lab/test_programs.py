import random

import pytest

from tasks.lab.chooser import Chooser
from tasks.lab.programs import are_equivalent, is_program, program_example

INCREMENT = "def f ( x ) : return x + 1"


def test_examples_are_programs_that_equal_themselves():
    chooser = Chooser(random.Random(0))
    sources = [program_example(chooser).response for _ in range(300)]
    assert all(map(is_program, sources))
    assert all(are_equivalent(sources, sources))


def test_words_and_program_agree():
    chooser = Chooser(random.Random(0))
    by_words = {}
    for _ in range(30_000):
        example = program_example(chooser)
        by_words[example.prompt.removeprefix("write a function that ")] = example.response
    assert by_words["subtracts 7 then doubles"] == "def f ( x ) : return ( x - 7 ) * 2"
    assert by_words["negates then takes modulo 3"] == "def f ( x ) : return ( - x ) % 3"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x + 1",
        "def f ( x ) : return",
        "def f ( y ) : return y + 1",
        "def f ( x , y ) : return x + 1",
        "def f ( x = 1 ) : return f",
        "def f ( x ) : return print ( x )",
        "def f ( x ) : return x . __class__",
        "def f ( x ) : return 'a'",
        "def f ( x ) : return True",
        "def f ( x ) : return 1000000",
        "def f ( x ) : return [ x for x in x ]",
        "def f ( x ) : return lambda x : x",
        "def f ( x ) : return x ; import os",
        "import os",
        "@ x\ndef f ( x ) : return x",
        "def f ( x : print ( 1 ) ) : return x",
        "async def f ( x ) : return x",
        "def f ( x ) : return x\nx",
        "( " * 500,
        "def f ( x ) : return x \0",
    ],
)
def test_anything_but_arithmetic_of_x_is_no_program(text):
    assert not is_program(text)
    assert are_equivalent([INCREMENT], [text]) == [False]


def test_equality_is_of_what_is_computed_not_of_how_it_is_written():
    responses = [
        "def f ( x ) : return 1 + x",
        "def g ( x ) : return x + 1",
        "def f(x): return (x * 2 + 2) // 2",
        INCREMENT + " + 0",
    ]
    assert are_equivalent([INCREMENT] * 4, responses) == [True, False, True, True]


def test_a_wrong_answer_on_one_input_is_wrong():
    assert are_equivalent(["def f ( x ) : return x"], ["def f ( x ) : return ( x ** 2 ) // x"]) == [False]  # at 0
    assert are_equivalent(["def f ( x ) : return x * 2"], ["def f ( x ) : return x ** 2"]) == [False]


def test_a_program_that_exhausts_the_limits_is_wrong_and_harms_no_other():
    bomb = "def f ( x ) : return 99 ** 99 ** 99 ** 99"
    assert are_equivalent([INCREMENT] * 3, [INCREMENT, bomb, INCREMENT]) == [True, False, True]
