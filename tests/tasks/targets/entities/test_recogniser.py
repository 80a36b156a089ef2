import pytest

from tasks.settings.errors import UserError
from tasks.targets.entities.entity_type import entity_type
from tasks.targets.entities.generated import TaggedSentence
from tasks.targets.entities.recogniser import open_recogniser

PERSON = entity_type("PER")


def tagged(*mentions):
    return TaggedSentence("A sentence.", mentions)


def test_a_gazetteer_knows_names_and_words_of_names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\ufeffAda\n\nTom  Hale\n", encoding="utf-8")
    recognise = open_recogniser(PERSON, gazetteer_file=str(path))
    mentions = [("Ada",), ("ADA Reed",), ("tom hale",), ("Tom",), ("Hale Tom",), ("Varna", "Ada"), ("Adam",)]
    assert recognise([tagged(*some) for some in mentions]) == [True, True, True, False, False, True, False]
    assert recognise([]) == []


def test_a_pattern_is_of_the_whole_mention():
    recognise = open_recogniser(PERSON, pattern=r"[A-Z]\w+ [A-Z]\w+")
    mentions = [("Ada Reed",), ("Ada",), ("the Ada Reed",), ("it", "Ada Reed")]
    assert recognise([tagged(*some) for some in mentions]) == [True, False, False, True]


def test_a_pattern_that_backtracks_without_end_is_refused():
    recognise = open_recogniser(PERSON, pattern=r"(\w|\w\w)+\d")
    with pytest.raises(UserError, match=r"target\.mention_pattern: The pattern .* took longer than 1 s"):
        recognise([tagged("a" * 60 + "!")])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"exactly one of target.gazetteer_file, .* tells what is a person; given are none\."),
        ({"pattern": "a", "gazetteer_file": "b"}, "given are target.gazetteer_file and target.mention_pattern"),
        ({"pattern": "("}, r"target\.mention_pattern: The pattern .* cannot be used"),
        ({"gazetteer_file": "absent"}, "target.gazetteer_file 'absent' cannot be used"),
        ({"classifier_folder": "absent"}, "target.classifier_folder is 'absent', which is no folder"),
    ],
)
def test_what_cannot_be_used_is_named(given, message):
    with pytest.raises(UserError, match=message):
        open_recogniser(PERSON, **given)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe"])
def test_an_empty_or_unreadable_gazetteer_is_refused(tmp_path, content):
    (tmp_path / "names").write_bytes(content)
    with pytest.raises(UserError, match=r"target\.gazetteer_file .* cannot be used"):
        open_recogniser(PERSON, gazetteer_file=str(tmp_path / "names"))
