import json
import stat

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.reveal.instructions import (
    INSTRUCTIONS,
    SOFT_PROMPTS,
    ScoredArm,
    read_arms,
    read_soft_prompts,
    trusted_arms,
    write_arms,
)
from tasks.reveal.reward import Reward

share = st.floats(0, 1)
rewards = st.builds(Reward, share, share, share)


def played(arm, rescored=None, chosen=None):
    return ScoredArm(arm, 1, "text", f"generate {arm}", Reward(0.9, 0.8, 0.7), rescored, chosen)


def test_a_line_each_for_the_auditor(tmp_path):
    soft = ScoredArm(2, 2, "soft", None, Reward(0.1, 0.2, 0.3))
    write_arms(tmp_path, [played(0), played(1, Reward(0.4, 0.5, 0.3), chosen=1), soft], {})
    first, second, third = map(json.loads, (tmp_path / INSTRUCTIONS).read_text().splitlines())
    assert first == {
        "arm": 0,
        "kind": "text",
        "outer_round": 1,
        "instruction": "generate 0",
        "score": 0.9,
        "relevance": 0.8,
        "diversity": 0.7,
        "rescored": None,
        "chosen": None,
    }
    assert second["rescored"] == {"score": 0.4, "relevance": 0.5, "diversity": 0.3}
    assert second["chosen"] == 1
    assert (third["kind"], third["instruction"], third["outer_round"]) == ("soft", None, 2)
    assert not (tmp_path / SOFT_PROMPTS).exists()
    assert read_soft_prompts(tmp_path) == {}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.builds(
            ScoredArm,
            st.integers(0, 9),
            st.integers(1, 9),
            st.sampled_from(["text", "soft"]),
            st.none() | st.text(),
            rewards,
            st.none() | rewards,
            st.none() | st.integers(1, 9),
        )
    )
)
def test_what_was_written_is_read(tmp_path_factory, items):
    folder = tmp_path_factory.mktemp("search")
    write_arms(folder, items, {})
    assert read_arms(folder) == items


def test_soft_prompts_are_read_as_they_were(tmp_path):
    rows = torch.randn(4, 3, 8, generator=torch.Generator().manual_seed(0))
    prompts = {2: rows[0], 11: rows[3], 7: rows[:, :, 0]}  # views of one table, one of them not contiguous
    write_arms(tmp_path, [played(0)], prompts)
    again = read_soft_prompts(tmp_path)
    assert set(again) == {2, 7, 11}
    assert all(torch.equal(again[arm], prompt) and again[arm].dtype == torch.float32 for arm, prompt in prompts.items())
    assert stat.S_IMODE((tmp_path / SOFT_PROMPTS).stat().st_mode) == 0o600


def test_only_chosen_arms_are_trusted_in_the_order_of_choice():
    items = [
        played(0),
        played(1, Reward(0.2, 0.5, 0.1), chosen=2),
        played(2, Reward(0.6, 0.5, 0.7), chosen=1),
        played(3, Reward(0.1, 0.04, 0.9), chosen=3),
        played(4, Reward(0.5, 0.5, 0.5)),
    ]
    assert [item.arm for item in trusted_arms(items)] == [2, 1, 3]
    assert [item.arm for item in trusted_arms(items, min_relevance=0.05)] == [2, 1]
    assert [item.arm for item in trusted_arms(items, min_relevance=0.5)] == [2, 1]
    assert trusted_arms(items, min_relevance=0.6) == []


@pytest.mark.parametrize("text", ["two\nlines", "ü 東京 “quoted”", "\u2028"])
def test_any_instruction_stays_on_its_line(tmp_path, text):
    item = ScoredArm(0, 1, "soft", text, Reward(0.9, 0.8, 0.7))
    write_arms(tmp_path, [item, item], {})
    assert read_arms(tmp_path) == [item, item]
