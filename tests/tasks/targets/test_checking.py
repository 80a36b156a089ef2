import pytest

from tasks.targets.checking import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" I said:\nno. ", "· ····: ··."),
        ("x_1-2", "·_·-·"),
        ("नमस्ते é 東京", "······ · ··"),
        ("", ""),
        ("a" * 100, "·" * 59 + "…"),
    ],
)
def test_nothing_that_was_said_can_be_read(text, shown):
    assert masked(text) == shown
