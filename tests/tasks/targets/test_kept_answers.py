from tasks.models.pair import Pair
from tasks.targets.kept_answers import kept_answers


def pairs(number):
    return [Pair(f"say {i}", f"number {i}") for i in range(number)]


def test_held_out_answers_as_many_as_are_asked_for():
    [metric] = kept_answers(pairs(1000), {"tune": 64, "report": 100})
    assert {split: len(examples) for split, examples in metric.examples.items()} == {"tune": 64, "report": 100}


def test_so_few_that_one_answer_goes_beyond_a_limit_are_no_guard():
    assert kept_answers(pairs(100), {"tune": 64, "report": 100}) == ()
    assert len(kept_answers(pairs(100), {"tune": 8, "report": 8})) == 1


def test_passages_have_no_answers():
    assert kept_answers([Pair("", f"passage {i}") for i in range(1000)], {"tune": 8, "report": 8}) == ()
