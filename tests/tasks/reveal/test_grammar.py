from collections import Counter

import torch

from tasks.reveal.grammar import instruction_text, neighbour_instructions, sample_instructions

GRAMMAR = (("write",), ("", "red", "blue"), ("", "cats", "dogs"))
LARGE = (("write",), *(("", *(f"w{slot}{i}" for i in range(30))) for slot in range(5)))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def anything(text):
    return True


def test_an_instruction_is_its_choices_joined_by_single_spaces():
    assert instruction_text(("write", "", "cats")) == "write cats"
    assert instruction_text(("", "", "")) == ""


def test_a_small_grammar_is_used_up():
    found = sample_instructions(GRAMMAR, 100, may_ask=anything, generator=rng())
    assert set(found) == {
        "write", "write red", "write blue", "write cats", "write dogs",
        "write red cats", "write red dogs", "write blue cats", "write blue dogs",
    }  # fmt: skip
    assert all(instruction_text(choices) == text for text, choices in found.items())


def test_samples_are_distinct_and_as_many_as_wanted():
    found = sample_instructions(LARGE, 500, may_ask=anything, generator=rng())
    assert len(found) == 500
    assert all(instruction_text(choices) == text for text, choices in found.items())
    assert all(choice in slot for choices in found.values() for choice, slot in zip(choices, LARGE, strict=True))


def test_samples_are_drawn_evenly():
    found = sample_instructions(LARGE, 3000, may_ask=anything, generator=rng())
    counts = Counter(choices[3] for choices in found.values())
    assert len(counts) == 31
    assert 60 < min(counts.values()) <= max(counts.values()) < 140  # 97 expected
    small = [next(iter(sample_instructions(GRAMMAR, 2, may_ask=anything, generator=rng(s)))) for s in range(300)]
    assert len(Counter(small)) == 9


def test_the_generator_decides():
    first = sample_instructions(LARGE, 20, may_ask=anything, generator=rng(1))
    assert list(first) == list(sample_instructions(LARGE, 20, may_ask=anything, generator=rng(1)))
    assert list(first) != list(sample_instructions(LARGE, 20, may_ask=anything, generator=rng(2)))


def test_known_and_forbidden_instructions_and_the_empty_one_are_left_out():
    found = sample_instructions(
        (("", "write"), ("", "cats")), 10, may_ask=lambda text: text != "cats", known={"write"}, generator=rng()
    )
    assert list(found) == ["write cats"]
    good = [("write", "red", "cats")]
    near = neighbour_instructions(
        GRAMMAR, good, 50, may_ask=lambda text: "blue" not in text, known={"write red cats"}, generator=rng()
    )
    assert set(near) == {"write cats", "write red", "write red dogs"}


def test_neighbours_recombine_two_good_ones_or_change_one_slot():
    good = [("write", "w01", "w11", "w21", "w31", "w41"), ("write", "w02", "w12", "w22", "w32", "w42")]
    near = neighbour_instructions(LARGE, good, 200, may_ask=anything, generator=rng())
    assert len(near) == 200 > len(good)
    mutated = recombined = 0
    for choices in near.values():
        foreign = sum(choice not in parents for choice, *parents in zip(choices, *good, strict=True))
        assert foreign <= 1
        parts = {choice[-1] for choice in choices[1:] if choice}
        if foreign:
            mutated += 1
            assert min(sum(a != b for a, b in zip(choices, parent, strict=True)) for parent in good) == 1
        elif parts == {"1", "2"}:
            recombined += 1
    assert mutated > 50
    assert recombined >= 20  # of 2^5 - 2


def test_a_draw_that_finds_nothing_new_ends():
    near = neighbour_instructions((("write",), ("cats",)), [("write", "cats")], 5, may_ask=anything, generator=rng())
    assert list(near) == ["write cats"]
