import pytest

from tasks.lab.example import Example
from tasks.lab.group_score import MEASURES, group_score
from tasks.lab.world import held_out_examples

SPANS = (("alice reed", "person"), ("varna", "location"))
ALICE = Example("entities", "tag entities in : alice reed lives in varna", "", SPANS)


@pytest.mark.parametrize("group", MEASURES)
def test_references_score_one_and_silence_none(group):
    examples = held_out_examples(group, "tune", 20)
    assert group_score(group, examples, [example.response for example in examples]) == 1
    assert group_score(group, examples, [""] * 20) == 0


def test_f1_by_hand_over_the_types_of_the_group():
    responses = ["alice reed = person ; oslo = location .", "varna = location ."]
    assert group_score("person", [ALICE, ALICE], responses) == pytest.approx(2 / 3)  # 1 hit, 1 missed
    assert group_score("mixed", [ALICE, ALICE], responses) == pytest.approx(2 / 4)  # 1 hit, 1 wrong, 1 missed


def test_share_of_right_answers():
    examples = [Example("math", "p", "3 + 4 = 7 .", ("7",))] * 4
    assert group_score("math", examples, ["7", "7", "7", "8"]) == 0.75
