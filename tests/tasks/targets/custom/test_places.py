import re

import pytest

from tasks.targets.custom.places import places

TOY = re.compile(r"\b(?:toys?|balls?|red hat|if .* then)\b")


def found(text):
    asked = []

    def shows(texts):
        asked.extend(texts)
        return [bool(TOY.search(one)) for one in texts]

    return [text[start:end] for start, end in places(text, shows)], asked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He had a toy. She ran.", ["toy"]),
        ("A toy and a ball. A red hat", ["toy", "ball", "red hat"]),
        ("a red\nhat of his", []),
        ('She said "a toy!" and ran.\nOne ball', ["toy", "ball"]),
        ("一个 toy。再见", ["toy"]),
        ("", []),
    ],
    ids=["one word", "several, and two words that only show it together", "no sentence by itself", "quotes and lines",
         "other full stops", "nothing"],
)  # fmt: skip
def test_places(text, expected):
    assert found(text)[0] == expected


@pytest.mark.parametrize("before", range(6))
@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("core", ["toy", "red hat", "if it rains then", "if a b c d e f then"])
def test_nothing_but_the_words_that_it_takes_wherever_they_stand(before, core, after):
    text = " ".join(["one"] * before + [core] + ["two"] * after) + "."
    assert found(text)[0] == [core]


def test_only_sentences_that_show_it_are_taken_apart():
    assert found("She ran away. He had a toy.")[1] == ["She ran away.", "He had a toy.", "He had", "a toy", "a", "toy"]


def test_a_sentence_without_words_is_a_place():
    assert places("!!! ok", lambda texts: ["!!!" in one for one in texts]) == [(0, 3)]


def test_what_only_signs_around_the_words_show_takes_all_words():
    assert places("a b c d!", lambda texts: ["!" in one for one in texts]) == [(0, 7)]


def test_a_long_sentence_costs_a_few_questions():
    text = " ".join(["one"] * 100 + ["red hat"] + ["two"] * 100)
    places_found, asked = found(text)
    assert places_found == ["red hat"]
    assert len(asked) < 40
