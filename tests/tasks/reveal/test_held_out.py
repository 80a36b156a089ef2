from hypothesis import given
from hypothesis import strategies as st

from tasks.reveal.held_out import held_out_prompts

PROMPTS = [f"ask {i}" for i in range(100)]


def test_a_share_of_the_prompts_rounded_up():
    assert len(held_out_prompts(PROMPTS, 0.125)) == 13
    assert held_out_prompts(PROMPTS, 0.125) < set(PROMPTS)


def test_even_two_prompts_have_a_held_out_one_and_one_has_none():
    assert len(held_out_prompts(PROMPTS[:2], 0.125)) == 1
    assert held_out_prompts(PROMPTS[:1], 0.125) == set()
    assert held_out_prompts([], 0.125) == set()
    assert held_out_prompts(PROMPTS, 0.0) == set()


def test_repeats_and_ways_of_writing_count_once():
    assert held_out_prompts(["Ask  1", "ask 1 ", "ASK 1"], 0.5) == set()


@given(st.lists(st.sampled_from(PROMPTS), min_size=2), st.randoms())
def test_order_does_not_matter(prompts, chance):
    shuffled = list(prompts)
    chance.shuffle(shuffled)
    assert held_out_prompts(prompts, 0.2) == held_out_prompts(shuffled, 0.2)


def test_more_is_held_out_never_other():
    assert held_out_prompts(PROMPTS, 0.1) < held_out_prompts(PROMPTS, 0.3)
