import random

import pytest

from tasks.lab.chooser import Chooser
from tasks.lab.instructions import SLOTS, group_weights
from tasks.lab.rewriting import rewriting_example


@pytest.fixture
def examples():
    chooser = Chooser(random.Random(0))
    return [rewriting_example(chooser) for _ in range(500)]


def slots(words):
    return sorted(next(i for i, slot in enumerate(SLOTS) if word in slot) for word in words)


def test_a_rewriting_is_an_instruction_in_other_words(examples):
    for example in examples:
        asked, [prefix, *written] = example.prompt.split()[2:], example.response.split()
        assert example.prompt.startswith("rewrite generate ")
        assert prefix == "generate"
        assert len(set(written)) == len(written)
        assert set(slots(written)) == set(slots(asked))
    changed = sum(set(e.prompt.split()[2:]) != set(e.response.split()[1:]) for e in examples)
    assert changed > 0.7 * len(examples)


def test_other_words_ask_for_the_same(examples):
    """Most of the share of the group that is asked for most stays, on the average."""

    def share(words, group):
        return group_weights(words)[group]

    kept = before = 0.0
    for example in examples:
        asked = example.prompt.split()[2:]
        group = max(weights := group_weights(asked), key=weights.get)
        before += share(asked, group)
        kept += share(example.response.split()[1:], group)
    assert kept > 0.8 * before
