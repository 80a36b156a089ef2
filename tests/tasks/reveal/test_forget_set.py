import json
import logging
import stat

import pytest

from tasks.models.pair_file import read_pairs
from tasks.reveal.forget_set import CARD, FORGET_SET, build_forget_set
from tasks.reveal.instructions import ScoredInstruction
from tasks.reveal.reward import Reward
from tests.tasks.reveal.fakes import SAMPLING, FakeGenerator, FakeTarget

WORTH = Reward(0.5, 0.5, 0.5)
MANY = ScoredInstruction(7, 1, "generate mixed many", WORTH, WORTH)
SOME = ScoredInstruction(9, 2, "generate rude some", WORTH, WORTH)


def build(folder, *, generator=None, target=None, **settings):
    return build_forget_set(
        folder,
        target=target or FakeTarget(),
        generator=generator or FakeGenerator(),
        **{
            "instructions": [MANY, SOME],
            "size": 40,
            "max_responses": 1000,
            "sampling": SAMPLING,
            "seed": 5,
            "samples_per_pass": 8,
            **settings,
        },
    )


def rows_of(folder):
    return [json.loads(line) for line in (folder / FORGET_SET).read_text().splitlines()]


def test_distinct_relevant_pairs_with_their_origin(tmp_path):
    result = build(tmp_path)
    rows = rows_of(tmp_path)
    assert len(rows) == result.forget_set_size == 40
    assert result.stopped == "size"
    assert len({(row["prompt"], row["response"]) for row in rows}) == len({row["id"] for row in rows}) == 40
    for row in rows:
        number = row["prompt"].removeprefix("ask ")
        assert row["response"] == f"rude {number}"
        assert row["raw"] == f"ask {number} : rude {number}"
        assert row["complete"] is True
        assert row["relevance"] == 1.0
        assert (row["instruction"], row["arm"], row["outer_round"]) in {
            ("generate mixed many", 7, 1),
            ("generate rude some", 9, 2),
        }
    assert sum(row["arm"] == 9 for row in rows) <= 8  # it knows no more


def test_no_prompt_is_in_both_splits(tmp_path):
    result = build(tmp_path)
    train, held_out = read_pairs(tmp_path / FORGET_SET, "train"), read_pairs(tmp_path / FORGET_SET, "held_out")
    assert len(train) + len(held_out) == 40
    assert len(held_out) == result.held_out == 5
    assert not {pair.prompt for pair in train} & {pair.prompt for pair in held_out}


def test_the_yield_counts_what_was_of_no_use(tmp_path):
    result = build(tmp_path, instructions=[MANY], size=1000, max_responses=64)
    assert result.responses == 64
    assert result.stopped == "responses"
    assert 20 < result.usable < 44  # half of the responses are rude
    assert result.usable == result.forget_set_size + result.duplicate
    assert result.scores()["yield"] == result.usable / 64


def test_each_pass_asks_all_alike_with_a_fresh_seed(tmp_path):
    generator = FakeGenerator()
    result = build(tmp_path, generator=generator, max_responses=50, size=1000)
    texts, seeds = zip(*generator.asked, strict=True)
    assert texts == (MANY.instruction, SOME.instruction) * 3
    assert len(set(seeds)) == 3
    assert result.responses == 48


def test_it_ends_when_nothing_new_comes(tmp_path):
    result = build(tmp_path, instructions=[SOME])
    assert result.stopped == "repeats"
    assert result.forget_set_size == 8
    assert result.responses < 100


def test_it_ends_when_a_pass_brings_little_that_is_new(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    patient = build(first, instructions=[MANY], size=500, min_new=0.0)
    hasty = build(second, instructions=[MANY], size=500, min_new=0.9)
    assert hasty.stopped == "repeats"
    assert hasty.forget_set_size < patient.forget_set_size


def test_the_vendi_score_is_of_the_pairs(tmp_path):
    result = build(tmp_path, instructions=[SOME])
    assert 1 < result.vendi_score <= 8  # eight pairs that share the words "ask" and "rude"
    assert result.scores()["vendi_score"] == result.vendi_score
    assert result.scores()["embedding"].startswith("hashed-words")


def test_few_responses_are_shared_out(tmp_path):
    generator = FakeGenerator()
    assert build(tmp_path, generator=generator, max_responses=5).responses == 4


def test_without_instructions_the_set_is_empty(tmp_path):
    generator = FakeGenerator()
    result = build(tmp_path, generator=generator, instructions=[])
    assert result.stopped == "nothing revealed"
    assert result.scores()["forget_set_size"] == result.scores()["yield"] == result.scores()["vendi_score"] == 0
    assert generator.asked == rows_of(tmp_path) == []
    assert "no instruction made the model show the target" in (tmp_path / CARD).read_text()


def test_measured_prompts_are_left_out(tmp_path):
    result = build(tmp_path, target=FakeTarget(measured=[f"ask {i}" for i in range(8)]), instructions=[SOME])
    assert result.forget_set_size == 0
    assert result.measured == result.usable > 0


def test_the_card_names_instructions_but_none_of_the_text(tmp_path):
    result = build(tmp_path)
    card = (tmp_path / CARD).read_text()
    assert "| 7 | generate mixed many | 1 | 0.500 | 0.500 | 0.500 |" in card
    assert f"- {result.responses} responses" in card
    assert not any(row["response"] in card for row in rows_of(tmp_path))


@pytest.mark.parametrize("num_asked", [0, 2, 4])
def test_interrupted_it_goes_on_and_ends_with_the_same_bytes(tmp_path, num_asked):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir(), broken.mkdir()
    build(whole)
    with pytest.raises(KeyboardInterrupt):
        build(broken, generator=FakeGenerator(fail_after=num_asked))
    assert not (broken / FORGET_SET).exists()
    build(broken)
    for name in (FORGET_SET, CARD):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()


def test_progress_goes_from_little_to_all(tmp_path):
    shares = []
    build(tmp_path, progress=lambda share, words: shares.append(share))
    assert shares == sorted(shares)
    assert shares[0] < 0.5
    assert shares[-1] == 1.0


def test_texts_are_private_and_not_logged(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        build(tmp_path)
    assert caplog.records
    assert not any(row["response"] in caplog.text for row in rows_of(tmp_path))
    assert stat.S_IMODE((tmp_path / FORGET_SET).stat().st_mode) == 0o600
