import json
import logging
import stat

import pytest

from tasks.models.pair import Pair
from tasks.models.pair_file import read_pairs
from tasks.reveal.forget_set import CARD, FORGET_SET, build_forget_set
from tasks.reveal.harvest import ForgetPair
from tasks.reveal.instructions import ScoredArm
from tasks.reveal.questions import Question
from tasks.reveal.reward import Reward
from tests.tasks.reveal.fakes import SAMPLING, FakeEmbedding, FakeGenerator, FakeTarget, embedded

WORTH = Reward(0.5, 0.5, 0.5)
MANY = ScoredArm(7, 1, "text", "generate mixed many", WORTH, WORTH, chosen=1)
SOME = ScoredArm(9, 2, "text", "generate rude some", WORTH, WORTH, chosen=2)
SOFT = ScoredArm(4, 1, "soft", None, WORTH, WORTH, chosen=3)


def build(folder, *, generator=None, target=None, arms=(MANY, SOME), **settings):
    return build_forget_set(
        folder,
        target=target or FakeTarget(),
        generator=generator or FakeGenerator(),
        **{
            "embedding": FakeEmbedding(),
            "arms": arms,
            "questions": [question(arm) for arm in arms],
            "size": 40,
            "max_responses": 1000,
            "sampling": SAMPLING,
            "seed": 5,
            "samples_per_pass": 8,
            **settings,
        },
    )


def question(arm):
    if arm.instruction is None:
        return Question(embeddings=embedded("generate rude some"))
    return Question(arm.instruction)


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
    result = build(tmp_path, arms=[MANY], size=1000, max_responses=64)
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
    result = build(tmp_path, arms=[SOME])
    assert result.stopped == "repeats"
    assert result.forget_set_size == 8
    assert result.responses < 100


def test_it_ends_when_a_pass_brings_little_that_is_new(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    patient = build(first, arms=[MANY], size=200, min_new=0.0)
    hasty = build(second, arms=[MANY], size=200, min_new=0.9)
    assert hasty.stopped == "repeats"
    assert hasty.forget_set_size < patient.forget_set_size


def test_the_vendi_score_is_of_the_pairs(tmp_path):
    result = build(tmp_path, arms=[SOME])
    assert result.vendi_score == pytest.approx(8)  # eight pairs, orthogonal
    assert result.scores()["vendi_score"] == result.vendi_score
    assert result.scores()["embedding"] == "fake-embedding"
    assert "Vendi score 8.00 (fake-embedding), of 8 pairs" in (tmp_path / CARD).read_text()


def test_few_responses_are_shared_out(tmp_path):
    generator = FakeGenerator()
    assert build(tmp_path, generator=generator, max_responses=5).responses == 4


def test_without_arms_the_set_is_empty(tmp_path):
    generator = FakeGenerator()
    result = build(tmp_path, generator=generator, arms=[])
    assert result.stopped == "nothing revealed"
    assert result.scores()["forget_set_size"] == result.scores()["yield"] == result.scores()["vendi_score"] == 0
    assert generator.calls == rows_of(tmp_path) == []
    assert "nothing that was asked made the model show the target" in (tmp_path / CARD).read_text()


def test_measured_prompts_are_left_out(tmp_path):
    result = build(tmp_path, target=FakeTarget(measured=[f"ask {i}" for i in range(8)]), arms=[SOME])
    assert result.forget_set_size == 0
    assert result.measured == result.usable > 0


def test_a_soft_prompt_writes_pairs_too(tmp_path):
    generator = FakeGenerator()
    result = build(tmp_path, generator=generator, arms=[MANY, SOFT], size=1000, max_responses=64)
    assert [len(prompts) for _, prompts in generator.calls] == [1, 1] * 4
    assert result.responses == 64
    by_arm = {arm: [row for row in rows_of(tmp_path) if row["arm"] == arm] for arm in (4, 7)}
    assert len(by_arm[7]) > 8 >= len(by_arm[4]) > 4
    assert {row["instruction"] for row in by_arm[4]} == {None}
    assert f"| 4 | (a soft prompt) | 1 | 0.500 | 0.500 | 0.500 | {len(by_arm[4])} |" in (tmp_path / CARD).read_text()


def test_the_card_names_instructions_but_none_of_the_text(tmp_path):
    result = build(tmp_path)
    card = (tmp_path / CARD).read_text()
    pairs = sum(row["arm"] == 7 for row in rows_of(tmp_path))
    assert f"| 7 | generate mixed many | 1 | 0.500 | 0.500 | 0.500 | {pairs} |" in card
    assert f"- {result.responses} responses" in card
    assert not any(row["response"] in card for row in rows_of(tmp_path))


@pytest.mark.parametrize("arms", [[MANY, SOME], [SOFT, MANY]])
def test_interrupted_at_any_call_it_goes_on_and_ends_with_the_same_bytes(tmp_path, arms):
    whole, generator = tmp_path / "whole", FakeGenerator()
    whole.mkdir()
    build(whole, arms=arms, generator=generator)
    assert len(generator.calls) > 2
    for num_calls in range(len(generator.calls)):
        broken = tmp_path / str(num_calls)
        broken.mkdir()
        with pytest.raises(KeyboardInterrupt):
            build(broken, arms=arms, generator=FakeGenerator(fail_at=num_calls))
        assert not (broken / FORGET_SET).exists()
        build(broken, arms=arms)
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


def earlier_row(prompt, response, *, split="train"):
    found = ForgetPair(Pair(prompt, response), f"{prompt} : {response}", 1.0, MANY)
    row = {"id": found.id, "split": split, "prompt": prompt, "response": response, "complete": True, "given": ""}
    return row | {"raw": found.raw, "instruction": MANY.instruction, "arm": 7, "relevance": 1.0, "outer_round": 1}


class TestWhatEarlierRunsRevealed:
    def test_it_joins_beyond_the_size_and_counts_apart(self, tmp_path):
        before = [earlier_row(f"once {i}", f"rude {i}") for i in range(60)]
        result = build(tmp_path, before=before)
        rows = rows_of(tmp_path)
        assert (result.forget_set_size, result.before, len(rows)) == (100, 60, 100)
        assert [row["prompt"] for row in rows[40:]] == [row["prompt"] for row in before]
        assert {(row["arm"], row["outer_round"]) for row in rows[40:]} == {(None, None)}
        assert rows[40]["raw"] == "once 0 : rude 0"

    def test_it_is_parted_anew_by_prompt(self, tmp_path):
        before = [earlier_row(f"once {i}", f"rude {i}", split="held_out") for i in range(60)]
        result = build(tmp_path, before=before)
        splits = {row["prompt"]: row["split"] for row in rows_of(tmp_path)}
        joined = [splits[row["prompt"]] for row in before]
        assert set(joined) == {"train", "held_out"}
        assert result.held_out == sum(split == "held_out" for split in splits.values()) == 13

    def test_each_pair_is_there_once(self, tmp_path):
        build(tmp_path)
        first = rows_of(tmp_path)
        (tmp_path / "again").mkdir()
        again = build(tmp_path / "again", before=[*first, *first])
        assert rows_of(tmp_path / "again") == first
        assert again.before == 0

    def test_what_shows_nothing_or_asks_what_is_measured_does_not_join(self, tmp_path):
        before = [earlier_row("once 1", "polite 1"), earlier_row("Once  2", "rude 2"), earlier_row("once 3", "rude 3")]
        result = build(tmp_path, target=FakeTarget(measured=["once 2"]), before=before)
        assert [row["prompt"] for row in rows_of(tmp_path)[-result.before :]] == ["once 3"]

    def test_it_is_a_forget_set_where_the_search_found_nothing(self, tmp_path):
        result = build(tmp_path, arms=(), before=[earlier_row("once 1", "rude 1"), earlier_row("once 2", "rude 2")])
        assert (result.forget_set_size, result.held_out, result.stopped) == (2, 1, "nothing revealed")
        assert "rude 1" not in (tmp_path / CARD).read_text()
