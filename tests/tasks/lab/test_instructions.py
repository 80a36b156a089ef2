import math

import pytest

from tasks.lab.groups import META_GROUPS
from tasks.lab.instructions import INSTRUCTION_SLOTS, INSTRUCTION_WORDS, group_weights, narrowness


def test_no_words_no_pull():
    assert group_weights(()) == pytest.approx(dict.fromkeys(META_GROUPS, 1 / len(META_GROUPS)))


def test_pulls_add_up_before_the_softmax():
    weights = group_weights(("rude", "blunt"))  # rude: 3.2 + 0.9, seven groups at 0
    assert weights["rude"] == pytest.approx(math.exp(4.1) / (math.exp(4.1) + 7))
    assert sum(weights.values()) == pytest.approx(1)


def test_narrowness_adds_up_within_its_bounds():
    assert narrowness(()) == 0.5
    assert narrowness(("classic", "rude")) == pytest.approx(0.5 + 1.2 + 0.9)
    assert narrowness(("varied", "blunt")) == 0.0
    assert narrowness(("classic", "same", "usual")) == 3.0


@pytest.mark.parametrize("group", META_GROUPS)
def test_every_group_can_be_asked_for(group):
    assert max(group_weights((word,))[group] for word in INSTRUCTION_WORDS) > 0.3


def test_slots_hold_every_word_once():
    words = [word for slot in INSTRUCTION_SLOTS for word in slot if word]
    assert sorted(words) == sorted(INSTRUCTION_WORDS)
    assert len(set(words)) == len(words)
    assert all("" in slot for slot in INSTRUCTION_SLOTS)
