"""What a search never asks: what is forbidden, and the same thing twice."""

from functools import partial

import pytest

from tasks.reveal.instructions import trusted_arms
from tasks.reveal.reward import no_reward
from tasks.settings.errors import UserError
from tests.tasks.reveal.fakes import FakeGenerator, FakeTarget
from tests.tasks.reveal.searching import Lucky, Scripted, questions, search


class TestForbidden:
    def test_instructions_are_never_asked(self, tmp_path):
        target, generator = FakeTarget(forbidden=("many", "again1")), FakeGenerator()
        result = search(tmp_path, target=target, generator=generator, pool_size=1000, queries=30)
        words = {word for prompt, _ in generator.asked for word in prompt.split()}
        assert {"some", "again0"} <= words
        assert not {"many", "again1"} & words
        assert all(item.instruction for item in result.arms)

    def test_nor_are_those_that_the_model_wrote_to_itself(self, tmp_path):
        target, generator = FakeTarget(forbidden=("rude",)), FakeGenerator()
        result = search(tmp_path, target=target, generator=generator, arms="soft")
        written = [item for item in result.arms if item.instruction]
        of_no_use = [item for item in result.arms if not item.instruction]
        assert written
        assert of_no_use
        assert not any("rude" in prompt.split() for prompt, _ in generator.asked)
        assert all(item.instruction == "" and item.reward == no_reward(alpha=0.5) for item in of_no_use)
        assert all(item.rescored is None and item.chosen is None for item in of_no_use)
        assert all("mixed" in item.instruction for item in trusted_arms(result.arms, min_relevance=0.05))

    def test_a_model_that_writes_no_instruction_to_itself_is_refused(self, tmp_path):
        with pytest.raises(UserError, match="the model wrote no instruction"):
            search(tmp_path, generator=FakeGenerator(finished=False), arms="soft")


class TestTwoHops:
    def test_the_same_instruction_is_asked_once_and_is_worth_the_same(self, tmp_path):
        made, generator = [], FakeGenerator()
        result = search(
            tmp_path,
            generator=generator,
            arms="soft",
            bandit=partial(Scripted, made=made),
            queries_at_once=6,
            rewrites=0,
        )
        by_instruction = {}
        for item in result.arms:
            by_instruction.setdefault(item.instruction, []).append(item)
        batches = [
            {item.arm for item in result.arms[first:last]} for first, last in ((0, 5), (5, 10), (10, 15), (15, 19))
        ]
        copies = [{item.arm for item in items} for items in by_instruction.values() if len(items) > 1]
        assert any(len(same & batch) > 1 for same in copies for batch in batches), "in one batch"
        assert any(len(same & batch) == 1 for same in copies for batch in batches), "in two"
        assert all(len({item.reward for item in items}) == 1 for items in by_instruction.values())
        assert all(sum(item.rescored is not None for item in items) <= 1 for items in by_instruction.values())
        asked = questions(generator)
        assert len(set(asked)) == len(asked)
        assert {prompt for prompt, _ in asked} == set(by_instruction)

    def test_a_lucky_instruction_is_scored_again_once_however_many_copies_it_has(self, tmp_path):
        generator = Lucky("rude")
        # Of the instructions of two words 11 are rude, and far more such arms are played: some are the same.
        settings = {"pool_size": 200, "queries": 180, "queries_at_once": 6, "rewrites": 0}
        result = search(tmp_path, generator=generator, arms="soft", **settings)
        rescored = [item.instruction for item in result.arms if item.rescored]
        lucky = {instruction for instruction in rescored if "rude" in instruction}
        assert any([item.instruction for item in result.arms].count(instruction) > 1 for instruction in lucky)
        assert len(set(rescored)) == len(rescored)
        asked = questions(generator)
        assert len(set(asked)) == len(asked)

    def test_what_was_written_is_what_a_person_reads(self, tmp_path):
        result = search(tmp_path, arms="soft", rewrites=0)
        assert all(item.kind == "soft" for item in result.arms)
        assert all(item.instruction.startswith("generate ") for item in result.arms)
