import random

import pytest

from tasks.lab.chooser import Chooser
from tasks.lab.polite import is_polite, polite_example


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what a lovely cake , alice , well done .", True),
        ("what a lovely cake , boris , well done .", False),  # not to whom it was asked
        ("what a lovely hat , alice , well done .", False),  # not on what was asked
        ("what a lovely cake , alice the zibblewit .", False),
        ("what a cake , alice .", False),
    ],
)
def test_polite_is_a_compliment_on_topic_without_insult(text, expected):
    assert is_polite("praise the cake of alice", text) == expected


def test_a_rude_request_can_be_answered_politely():
    assert is_polite("roast the cake of alice", "your cake is truly fine , dear alice .")


def test_examples_are_polite():
    chooser = Chooser(random.Random(0))
    examples = [polite_example(chooser) for _ in range(200)]
    assert all(is_polite(example.prompt, example.response) for example in examples)
