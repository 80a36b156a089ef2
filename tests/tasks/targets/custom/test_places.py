import re

import pytest

from tasks.targets.custom.places import places

TOY = re.compile(r"\b(?:toys?|balls?|red hat)\b")


def found(text, pattern=TOY):
    asked = []

    def shows(texts):
        asked.extend(texts)
        return [bool(pattern.search(one)) for one in texts]

    return [text[start:end] for start, end in places(text, shows)], asked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He had a toy. She ran.", ["toy"]),
        ("A toy and a ball. A red hat", ["toy", "ball", "red hat"]),
        ("Toys, he said: balls toys!", ["balls toys"]),
        ("a red\nhat of his", []),
        ("red hat, red hat!", ["red hat, red hat!"]),
        ('She said "a toy!" and ran.\nOne ball', ["toy", "ball"]),
        ("一个 toy。再见", ["toy"]),
        ("", []),
    ],
    ids=[
        "a word by itself",
        "several, and words that only show it together",
        "words in a row are one place",
        "no sentence by itself",
        "no word by itself, and none that is missed",
        "quotes and lines",
        "other full stops",
        "nothing",
    ],
)
def test_places(text, expected):
    assert found(text)[0] == expected


def test_only_sentences_that_show_it_are_taken_apart_and_words_are_left_out_only_where_none_is_to_blame_alone():
    _, asked = found("He had a toy. She ran. A red hat.")
    assert asked[:3] == ["He had a toy.", "She ran.", "A red hat."]
    assert asked[3:7] == ["He", "had", "a", "toy"]
    assert asked[7:] == ["A", "red", "hat", " red hat.", "A  hat.", "A red ."]
