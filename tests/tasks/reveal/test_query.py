import pytest

from tasks.reveal.embedding import embed
from tasks.reveal.query import Query, relevances
from tests.tasks.reveal.fakes import SAMPLING, FakeGenerator, FakeTarget


def make_query(num_samples=8):
    return Query(FakeTarget(), FakeGenerator(), embed, num_samples, SAMPLING, alpha=0.5)


def test_a_relevant_instruction_that_always_gets_the_same_answer():
    worth = make_query()("generate rude same", seed=1)
    assert worth.relevance == 1.0
    assert worth.diversity == pytest.approx(0, abs=1e-9)
    assert worth.score == pytest.approx(1 / (0.5 / 1e-3 + 0.5))


def test_relevance_is_the_share_and_more_kinds_are_more_diverse():
    query = make_query(num_samples=64)
    assert query("generate kind many", seed=1).relevance == 0.0
    assert 0.3 < query("generate mixed many", seed=1).relevance < 0.7
    few, some, many = (query(f"generate rude {subject}", seed=1).diversity for subject in ("few", "some", "many"))
    assert 0 < few < some < many


def test_the_seed_decides_the_samples():
    query = make_query()
    assert query("generate mixed many", seed=1) == query("generate mixed many", seed=1)
    assert query("generate mixed many", seed=1) != query("generate mixed many", seed=2)


def test_responses_that_are_alike_are_judged_once():
    target = FakeTarget()
    assert relevances(target, "generate", ["rude 1", "kind", "rude 1", "rude 1"]) == [1.0, 0.0, 1.0, 1.0]
    assert target.judged == ["rude 1", "kind"]
