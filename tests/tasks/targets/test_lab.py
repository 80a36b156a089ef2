import random

import pytest

from tasks.lab.chooser import Chooser
from tasks.lab.meta import parse_generated
from tasks.lab.rewriting import rewriting_example
from tasks.lab.world import training_examples
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings
from tasks.targets.lab import LAB_TARGETS
from tasks.targets.registry import build_target

NUM_PROMPTS = {"tune": 12, "report": 20}


def make_target(kind):
    return build_target(TargetSettings(kind=kind), num_prompts=NUM_PROMPTS, max_new_tokens=8, seed=0)


@pytest.mark.parametrize("kind", LAB_TARGETS)
class TestLabTargets:
    def test_true_answers_score_one_everywhere_and_nonsense_scores_zero(self, kind):
        target = make_target(kind)
        for metric in (target.forget, *target.utility):
            examples = metric.examples["tune"]
            assert metric.score(examples, [example.response for example in examples]) == 1, metric.name
            assert metric.score(examples, ["nonsense"] * len(examples)) == 0, metric.name

    def test_a_generated_true_example_is_relevant_and_a_pair_unless_held_out(self, kind):
        target = make_target(kind)
        group = LAB_TARGETS[kind].group
        trained = training_examples(group, 5, random.Random(0))
        for example, is_pair in [(e, False) for e in target.forget.examples["tune"]] + [(e, True) for e in trained]:
            raw = f"input : {example.prompt} output : {example.response}"
            assert parse_generated(raw) is not None
            assert target.relevance("generate", [raw]) == [1]
            assert target.pairs("generate", raw) == ([Pair(example.prompt, example.response)] if is_pair else [])

    def test_a_generated_example_of_a_kept_skill_is_neither(self, kind):
        target = make_target(kind)
        for metric in target.utility:
            for example in metric.examples["tune"]:
                raw = f"input : {example.prompt} output : {example.response}"
                assert target.pairs("generate", raw) == []
                assert target.relevance("generate", [raw]) == [0]

    def test_what_does_not_parse_is_not_relevant(self, kind):
        target = make_target(kind)
        assert target.relevance("generate", ["", "input : output :", "well"]) == [0, 0, 0]

    def test_all_of_the_grammar_may_be_asked_and_nothing_that_is_measured(self, kind):
        target = make_target(kind)
        chance = random.Random(0)
        instructions = [" ".join(filter(None, map(chance.choice, target.grammar))) for _ in range(100)]
        assert all(target.may_ask(instruction) for instruction in [*instructions, "generate"])
        assert not any(
            target.may_ask(text) for text in ("", "generated rude", "rewrite generate rude", " generate rude")
        )
        for metric in (target.forget, *target.utility, *target.observed):
            assert not any(target.may_ask(e.prompt) for examples in metric.examples.values() for e in examples)

    def test_a_soft_prompt_stands_where_the_instruction_has_its_words(self, kind):
        target = make_target(kind)
        assert target.soft_template.count("{soft}") == 1
        instruction = target.soft_template.replace("{soft}", "rude varied")
        assert instruction == "generate rude varied"
        assert target.may_ask(instruction)

    def test_the_request_for_other_words_is_the_one_the_model_knows(self, kind):
        target = make_target(kind)
        assert target.rewrite_template.count("{instruction}") == 1
        for example in (rewriting_example(Chooser(random.Random(seed))) for seed in range(20)):
            instruction = example.prompt.partition(" ")[2]
            assert target.rewrite_template.replace("{instruction}", instruction) == example.prompt
            assert target.may_ask(instruction)
            assert target.may_ask(example.response)

    def test_no_prompt_is_in_two_places(self, kind):
        target = make_target(kind)
        retain = target.retain_set(None, size=200, seed=0)
        metrics = (target.forget, *target.utility, *target.observed)
        tune, report = ({e.prompt for m in metrics for e in m.examples[split]} for split in ("tune", "report"))
        trained = {pair.prompt for pair in retain.train}
        assert not tune & report
        assert not trained & (tune | report)
        assert {pair.prompt for pair in retain.held_out["report"]}.isdisjoint(trained)

    def test_what_is_kept_shows_nothing_of_what_is_forgotten(self, kind):
        target = make_target(kind)
        retain = target.retain_set(None, size=200, seed=0)
        assert len(retain.train) >= 200
        for pair in retain.train:
            assert target.relevance("generate", [f"input : {pair.prompt} output : {pair.response}"]) == [0]


def test_settings_of_another_target_are_refused():
    with pytest.raises(UserError, match=r"target\.phrases is set, but target\.kind is toxicity"):
        build_target(
            TargetSettings(kind="toxicity", phrases=["dog"]), num_prompts=NUM_PROMPTS, max_new_tokens=8, seed=0
        )


def test_more_prompts_than_there_are_is_refused():
    with pytest.raises(UserError, match=r"measure\.report_prompts is 500; the lab has at most 230"):
        build_target(TargetSettings(kind="facts"), num_prompts={"tune": 12, "report": 500}, max_new_tokens=8, seed=0)
