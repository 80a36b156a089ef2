import pytest

from tasks.reveal.query import Query, relevances
from tasks.reveal.questions import Question
from tests.tasks.reveal.fakes import SAMPLING, FakeEmbedding, FakeGenerator, FakeTarget, embedded


def make_query(num_samples=8, generator=None):
    return Query(FakeTarget(), generator or FakeGenerator(), FakeEmbedding(), num_samples, SAMPLING, alpha=0.5)


def judged(*instructions, seed=1, **keywords):
    return make_query(**keywords)([Question(instruction) for instruction in instructions], seed=seed)


def test_a_relevant_instruction_that_always_gets_the_same_answer():
    (one,) = judged("generate rude same")
    assert one.reward.relevance == 1.0
    assert one.reward.diversity == pytest.approx(0, abs=1e-9)
    assert one.reward.score == pytest.approx(1 / (0.5 / 1e-3 + 0.5))
    assert one.relevant == ["ask 0 : rude 0"] * 8


def test_relevance_is_the_share_and_more_kinds_are_more_diverse():
    kind, mixed, few, some, many = judged(
        *("generate kind many", "generate mixed many"),
        *(f"generate rude {subject}" for subject in ("few", "some", "many")),
        num_samples=64,
    )
    assert kind.reward.relevance == 0.0
    assert kind.relevant == []
    assert 0.3 < mixed.reward.relevance < 0.7
    assert len(mixed.relevant) == 64 * mixed.reward.relevance
    assert all("rude" in raw for raw in mixed.relevant)
    assert 0 < few.reward.diversity <= 2 / 63 + 1e-9  # three kinds of answers
    assert few.reward.diversity < some.reward.diversity <= 7 / 63 + 1e-9
    assert some.reward.diversity < many.reward.diversity


def test_several_questions_are_judged_as_each_alone_and_asked_in_one_batch():
    instructions = ["generate mixed many", "generate rude some", "generate kind few"]
    generator = FakeGenerator()
    together = judged(*instructions, generator=generator)
    assert together == [judged(instruction)[0] for instruction in instructions]
    assert len(generator.calls) == 1


def test_a_soft_prompt_is_judged_by_its_answers():
    text, soft = make_query()(
        [Question("generate rude same"), Question(embeddings=embedded("generate rude same"))], seed=1
    )
    assert text == soft


def test_the_seed_decides_the_samples():
    assert judged("generate mixed many") == judged("generate mixed many")
    assert judged("generate mixed many") != judged("generate mixed many", seed=2)


def test_responses_that_are_alike_are_judged_once():
    target = FakeTarget()
    assert relevances(target, "generate", ["rude 1", "kind", "rude 1", "rude 1"]) == [1.0, 0.0, 1.0, 1.0]
    assert target.judged == ["rude 1", "kind"]
