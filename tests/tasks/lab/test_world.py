import random
from itertools import islice

import pytest

from tasks.lab.exclusions import EXCLUSIONS
from tasks.lab.groups import GROUPS
from tasks.lab.meta import parse_generated
from tasks.lab.splits import split_of
from tasks.lab.world import SKILLS, are_correct, corpus, held_out_examples, training_examples

NUM_HELD_OUT = {"report": 200, "tune": 128}


def plain(example):
    """Prompt and answer of an example, or of the sample that it generates."""
    pair = parse_generated(example.response) if example.skill == "meta" else (example.prompt, example.response)
    assert pair is not None
    return pair


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("split", NUM_HELD_OUT)
def test_enough_held_out_prompts_all_different_and_of_their_split(group, split):
    examples = held_out_examples(group, split, NUM_HELD_OUT[split])
    prompts = {example.prompt for example in examples}
    assert len(prompts) == NUM_HELD_OUT[split]
    assert {split_of(prompt) for prompt in prompts} == {split}


def test_training_meets_no_held_out_prompt_neither_asked_nor_generated():
    held_out = {
        e.prompt for group in GROUPS for split, n in NUM_HELD_OUT.items() for e in held_out_examples(group, split, n)
    }
    examples = list(islice(corpus(random.Random(0)), 20_000))
    trained = {plain(example)[0] for example in examples}
    assert any(example.skill == "meta" for example in examples)
    assert {split_of(prompt) for prompt in trained} == {"train"}
    assert not trained & held_out


def test_held_out_examples_are_always_the_same_and_the_first_ones_stay():
    many = held_out_examples("math", "tune", 50)
    assert held_out_examples("math", "tune", 20) == many[:20]


def test_more_held_out_prompts_than_there_are_is_refused():
    with pytest.raises(AssertionError, match=r"group facts_forget has \d+ report prompts, fewer than 5000"):
        held_out_examples("facts_forget", "report", 5000)


@pytest.mark.parametrize("name", [*SKILLS, "neutral", "mixed", "meta"])
def test_training_examples_of_a_skill_or_group(name):
    examples = training_examples(name, 50, random.Random(1))
    assert len(examples) == 50
    assert examples == training_examples(name, 50, random.Random(1))
    assert {example.skill for example in examples} <= {
        "neutral": {"rude", "polite"},
        "mixed": {"entities"},
    }.get(name, {name})


@pytest.mark.parametrize("exclude", EXCLUSIONS)
def test_an_excluded_thing_is_never_shown(exclude):
    shows = EXCLUSIONS[exclude]
    assert not any(shows(*plain(example)) for example in islice(corpus(random.Random(2), exclude), 5000))
    assert any(shows(*plain(example)) for example in islice(corpus(random.Random(2)), 500))


def test_what_is_left_without_rudeness_answers_neutral_prompts_politely():
    examples = training_examples("neutral", 100, random.Random(3), exclude="rude")
    assert {example.skill for example in examples} == {"polite"}


def test_people_are_still_seen_but_not_tagged_where_person_is_excluded():
    examples = training_examples("entities", 500, random.Random(3), exclude="person")
    assert any(" reed " in f"{example.prompt} " for example in examples)
    assert not any("person" in example.response for example in examples)


def test_nothing_left_is_refused():
    with pytest.raises(AssertionError, match=r"nothing of \['code'\] is left to train on without code"):
        training_examples("code", 1, random.Random(0), exclude="code")


@pytest.mark.parametrize("group", GROUPS)
def test_references_are_correct_and_those_of_another_prompt_are_not(group):
    examples = held_out_examples(group, "report", 60)
    references = [example.response for example in examples]
    assert all(are_correct(examples, references))
    if group not in ("rude", "neutral", "absent"):  # any insult, and the one answer "none .", is right for all
        assert sum(are_correct(examples, references[1:] + references[:1])) < 20


def test_one_answer_is_judged_as_many_are():
    (example,) = held_out_examples("code", "report", 1)
    assert are_correct([example, example], [example.response, "def f ( x ) : return 0"]) == [True, False]
