import json

from tasks.reveal.instructions import (
    INSTRUCTIONS,
    ScoredInstruction,
    read_instructions,
    trusted_instructions,
    write_instructions,
)
from tasks.reveal.reward import Reward


def played(arm, rescored=None):
    return ScoredInstruction(arm, 1, f"generate {arm}", Reward(0.9, 0.8, 0.7), rescored)


def test_a_line_each_for_the_auditor(tmp_path):
    write_instructions(tmp_path, [played(0), played(1, Reward(0.4, 0.5, 0.3))])
    first, second = map(json.loads, (tmp_path / INSTRUCTIONS).read_text().splitlines())
    assert first == {
        "arm": 0,
        "kind": "text",
        "outer_round": 1,
        "instruction": "generate 0",
        "score": 0.9,
        "relevance": 0.8,
        "diversity": 0.7,
        "rescored": None,
    }
    assert second["rescored"] == {"score": 0.4, "relevance": 0.5, "diversity": 0.3}


def test_what_was_written_is_read(tmp_path):
    items = [played(0), played(1, Reward(1 / 3, 0.1 + 0.2, 0.0))]
    write_instructions(tmp_path, items)
    assert read_instructions(tmp_path) == items


def test_only_fresh_scores_are_trusted_and_the_best_comes_first():
    items = [
        played(0),
        played(1, Reward(0.2, 0.5, 0.1)),
        played(2, Reward(0.6, 0.5, 0.7)),
        played(3, Reward(0.1, 0.04, 0.9)),
    ]
    assert [item.arm for item in trusted_instructions(items)] == [2, 1, 3]
    assert [item.arm for item in trusted_instructions(items, min_relevance=0.05)] == [2, 1]
    assert trusted_instructions(items, min_relevance=0.6) == []
