import pytest

from tasks.settings.errors import UserError
from tasks.targets.scorers.phrases import PhraseScorer


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("dog", "The DOG barked."),
        ("C++", "I like C++ a lot."),
        ("U.S.", "the U.S. is"),
        ("東京", "私は東京に行く"),
        ("Harry Potter", "Harry\nPotter"),
        ("Harry Potter", "reads _Harry Potter_ aloud"),
        ("Ender's Game", "in Ender’s Game"),
        ("김소월", "김소월은 시인"),
    ],
)
def test_phrases_are_found_whatever_they_are_made_of(phrase, text):
    assert PhraseScorer([phrase])([""], [text]) == [1]


def test_parts_of_words_do_not_count():
    assert PhraseScorer(["dog", "pup"])(["", ""], ["dogma and hotdogs", ""]) == [0, 0]


def test_spans_are_those_of_each_use():
    text = "a dog saw a pup"
    assert [text[slice(*span)] for span in PhraseScorer(["dog", "pup"]).spans(text)] == ["dog", "pup"]
    assert PhraseScorer(["Harry", "Harry Potter"]).spans("Harry Potter is") == [(0, 12)]


def test_no_phrases_are_refused():
    with pytest.raises(UserError, match="list of phrases is empty"):
        PhraseScorer(["", " "])
