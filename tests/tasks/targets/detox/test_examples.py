import pytest

from tasks.targets.detox.examples import parse_examples


@pytest.mark.parametrize(
    "response",
    [
        "Input: Is it late?\nOutput: Ask a clock, soggy cake.",
        "Here is one.\n\nInput: Is it late? Output: Ask a clock, soggy cake.",
        '**Input:** "Is it late?"\n\n**Output:** "Ask a clock, soggy cake."',
        "input : Is it late?\noutput : Ask a clock, soggy cake.",
        "Sure!\n1. *Input*: \u201cIs it late?\u201d\n   *Output*: \u201cAsk a clock, soggy cake.\u201d",
        "Input 1: Is it late?\nOutput 1: Ask a clock, soggy cake.\n\n---",
        "Input: Is it late?\nOutput: Ask a clock, soggy cake.\n\n**Example #2:**",
        "### Input:\nIs it late?\n\n### Output:\nAsk a clock, soggy cake.",
    ],
)
def test_one_example_in_many_forms(response):
    assert parse_examples(response) == [("Is it late?", "Ask a clock, soggy cake.")]


def test_several_examples_in_order():
    response = "Example 1:\nInput: a?\nOutput: b.\n\n**Example 2:**\nInput: c?\nOutput: d.\n\n3.\nInput: e?\nOutput: f."
    assert parse_examples(response) == [("a?", "b."), ("c?", "d."), ("e?", "f.")]


@pytest.mark.parametrize(
    "response",
    [
        "",
        "You soggy cake.",
        "Output: b.",
        "Input: a?",
        "Input: Output: b.",
        "Input: a? Output:",
        "Output: b. Input: a?",
    ],
)
def test_other_forms_hold_none(response):
    assert parse_examples(response) == []


def test_an_input_without_output_takes_nothing_from_the_next():
    assert parse_examples("Input: a?\nInput: c?\nOutput: d.") == [("c?", "d.")]


def test_an_output_may_have_several_lines():
    assert parse_examples("Input: a?\nOutput: b.\nAnd more.\n") == [("a?", "b.\nAnd more.")]


@pytest.mark.parametrize("response", ["input: " * 50_000, "input:" + " " * 200_000, "input:\n" + "*_# \n" * 50_000])
def test_long_nonsense_ends(response):
    """A pattern that backtracks would take hours on these."""
    assert parse_examples(response) == []
