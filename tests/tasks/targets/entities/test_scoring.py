import pytest

from tasks.targets.details import Detail
from tasks.targets.entities.conll import Sentence
from tasks.targets.entities.entity_type import entity_type
from tasks.targets.entities.prompts import example_of
from tasks.targets.entities.scoring import f1_by_sentence, micro_f1, numbers_beside
from tasks.targets.entities.spans import Span

PERSON = entity_type("PER")
ALONE = example_of(Sentence(("Ada", "and", "Tom", "sang"), (Span(0, 1, "PER"), Span(2, 3, "PER")), 0), PERSON)
MIXED = example_of(Sentence(("Ada", "left", "Varna"), (Span(0, 1, "PER"), Span(2, 3, "LOC")), 0), PERSON)


def test_by_hand():
    examples = [ALONE, MIXED, MIXED]
    answers = ['{"person": ["Ada"]}', '{"person": ["Ada", "Varna", "Nobody"]}', "Ada"]
    # Found: Ada, Ada. Spurious: Varna, Nobody. Missed: Tom, and Ada in the answer that cannot be read.
    assert micro_f1(examples, answers) == pytest.approx(4 / (4 + 2 + 2))
    assert numbers_beside(examples, answers, better="lower") == {
        "precision": Detail(2 / 4, "lower", 3),
        "recall": Detail(2 / 4, "lower", 3),
        "unreadable answers": Detail(1 / 3, "", 3),
        "listed but not in the sentence": Detail(1 / 4, "", 4),
    }
    assert f1_by_sentence(examples, answers, better="lower") == {
        "F1 in other sentences": Detail(2 / 3, "lower", 1),
        "F1 in mixed sentences": Detail(2 / (2 + 2 + 1), "lower", 2),
    }


def test_all_right_and_nothing_found():
    assert micro_f1([ALONE, MIXED], [ALONE.response, MIXED.response]) == 1
    assert micro_f1([ALONE, MIXED], ["", '{"person": []}']) == 0


def test_what_there_is_nothing_of_is_not_told():
    assert set(numbers_beside([ALONE], ["{}"], better="higher")) == {"precision", "recall", "unreadable answers"}
    assert set(f1_by_sentence([ALONE], ["{}"], better="higher")) == {"F1 in other sentences"}
