from dataclasses import replace

import pytest

from tasks.models.language_model import load_language_model
from tasks.models.pair import Pair
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.target import Metric
from tests.tiny_model import make_tiny_model

EXAMPLES = [Pair("tell my dog", "the old fox"), Pair("write a letter", "kind red cake")]
METRIC = Metric("length", {"tune": EXAMPLES}, lambda examples, answers: sum(map(len, answers)))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    lm = load_language_model(make_tiny_model(tmp_path_factory.mktemp("model")))
    return Checkpoint(lm, batch_size=4, max_new_tokens=5, seed=0)


def test_answers_are_given_once_for_each_temperature(checkpoint):
    greedy = checkpoint.answers(METRIC, "tune")
    assert checkpoint.answers(METRIC, "tune") is greedy
    assert checkpoint.answers(METRIC, "tune", temperature=0.0) is greedy
    assert checkpoint.answers(METRIC, "tune", temperature=1.0) != greedy
    assert checkpoint.value(METRIC, "tune") == sum(map(len, greedy))


def test_a_copy_answers_anew(checkpoint):
    assert replace(checkpoint).answers(METRIC, "tune") is not checkpoint.answers(METRIC, "tune")
    assert replace(checkpoint).answers(METRIC, "tune") == checkpoint.answers(METRIC, "tune")


def test_answers_that_begin_as_given_are_whole(checkpoint):
    told = checkpoint.continued(METRIC, "tune", ["the", "kind"])
    assert [answer.split()[0] for answer in told] == ["the", "kind"]
