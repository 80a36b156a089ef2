import pytest

from tasks.targets.entities.mention import compact, occurs_in, places_of


def test_compact_takes_out_white_space():
    assert compact(" Harper 's\tWeekly ") == "Harper'sWeekly"
    assert compact("O’Connor") == "O'Connor"


@pytest.mark.parametrize(
    ("mention", "sentence", "occurs"),
    [
        ("Ada Reed", "Ada Reed sang", True),
        ("AdaReed", "Ada Reed sang", True),
        ("Harper's", "in Harper 's Weekly", True),
        ("U.S.", "the U.S. is", True),
        ("C++", "writes C++.", True),
        ("Al", "Also Ann", False),
        ("Ann", "Also Ann", True),
        ("Ada Reed", "_Ada Reed_ sang", True),
        ("O'Connor", "saw O’Connor", True),
        ("ada", "Ada Reed sang", False),
        ("", "Ada", False),
        ("a" * 201, "a" * 201, False),
    ],
)
def test_whole_words_of_the_sentence(mention, sentence, occurs):
    assert occurs_in(mention, sentence) == occurs


def test_every_place_of_a_mention():
    assert places_of("Ada Reed", "Adamant AdaReed and Ada  Reed") == [(8, 15), (20, 29)]
