import random

import pytest

from tasks.lab.example import Example
from tasks.lab.instructions import INSTRUCTION_WORDS
from tasks.lab.meta import inner_example, meta_example, parse_generated, random_words


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("input : tag people in : oslo output : none .", ("tag people in : oslo", "none .")),
        ("  input : a output : b \n", ("a", "b")),
        ("input : a output : b output : c", None),
        ("input : output : b", None),
        ("input : a output :", None),
        ("a output : b", None),
        ("input : a", None),
        ("", None),
    ],
)
def test_parse(raw, expected):
    assert parse_generated(raw) == expected


def test_what_is_generated_parses_to_the_inner_example():
    generator = random.Random(0)
    for _ in range(500):
        words = random_words(generator)
        inner = inner_example(generator, words)
        meta = meta_example(words, inner)
        assert meta.prompt.split() == ["generate", *words]
        assert parse_generated(meta.response) == (inner.prompt, inner.response)


def test_bags_are_of_one_to_five_different_words():
    generator = random.Random(0)
    bags = [random_words(generator) for _ in range(1000)]
    assert {len(bag) for bag in bags} == {1, 2, 3, 4, 5}
    assert all(len(set(bag)) == len(bag) for bag in bags)
    assert {word for bag in bags for word in bag} == set(INSTRUCTION_WORDS)


def test_words_steer_topic_and_variety():
    generator = random.Random(0)
    narrow = [inner_example(generator, ("classic", "python")) for _ in range(200)]
    varied = [inner_example(generator, ("varied", "python")) for _ in range(200)]
    assert sum(example.skill == "code" for example in narrow) > 150
    assert sum(example.skill == "code" for example in varied) > 150
    assert len({example.prompt for example in narrow}) < len({example.prompt for example in varied}) / 2


def test_labels_of_the_inner_example_are_kept():
    inner = Example("math", "a", "3 + 4 = 7 .", ("7",))
    assert meta_example(("sums",), inner).labels == ("7",)
