from dataclasses import replace

import pytest

from tasks.assess.measure import measure, measure_rounded
from tasks.assess.scores import Scores
from tasks.models.language_model import load_language_model
from tasks.models.likelihood import nll_per_token, perplexity
from tasks.models.pair import Pair
from tasks.models.quantisation import SCHEMES, quantised
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.target import Metric
from tests.tiny_model import make_tiny_model

FORGET = [Pair("tell my dog", "the old fox"), Pair("write a letter", "kind red cake")]
KEEP = [Pair("praise the cat", "hello you")]
REVEALED = [Pair("tell a river", "quick fox")]
ASKED = {"max_new_tokens": 5, "batch_size": 4, "seed": 0}


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    return load_language_model(make_tiny_model(tmp_path_factory.mktemp("model")))


class FakeTarget:
    """Its forget metric is the share of answers that begin with the first word of the reference."""

    def __init__(self):
        self.seen = {}
        self.forget = Metric("forget", {"tune": FORGET}, self.score)
        self.utility = (Metric("keep", {"tune": KEEP}, lambda examples, answers: 0.25),)
        self.observed = ()

    def score(self, examples, answers):
        self.seen.setdefault("answers", []).append(list(answers))
        pairs = zip(examples, answers, strict=True)
        return sum(answer.startswith(example.response.split()[0]) for example, answer in pairs) / len(examples)


def test_every_number_is_of_what_it_says(lm):
    target = FakeTarget()
    scores = measure(Checkpoint(lm, **ASKED), target, "tune", kept=KEEP, revealed=REVEALED, prefill_tokens=1)
    greedy, prefilled, sampled = target.seen["answers"]
    assert greedy != sampled
    assert [answer.split()[0] for answer in prefilled] == ["the", "kind"]
    assert scores.prefill == 1.0  # by this metric, given the first word
    assert scores.forget == target.score(FORGET, greedy)
    assert scores.sampled == target.score(FORGET, sampled)
    assert scores.utility == {"keep": 0.25}
    assert scores.forget_nll == pytest.approx(float(nll_per_token(lm, FORGET).mean()))
    assert scores.own_nll == pytest.approx(float(nll_per_token(lm, REVEALED).mean()))
    assert scores.perplexity == pytest.approx(perplexity(lm, KEEP))
    assert scores.num == {"keep": 1, "forget": 2, "perplexity": 1, "own_nll": 1, "answers": 3}
    assert Scores.from_json(scores.to_json()) == scores
    assert scores.guarded() == {"keep": 0.25, "perplexity": scores.perplexity}


def test_without_reference_answers_there_is_no_depth(lm):
    target = FakeTarget()
    target.forget = Metric("forget", {"tune": [Pair("tell my dog", "")]}, lambda examples, answers: 0.5)
    scores = measure(Checkpoint(lm, **ASKED), target, "tune", kept=KEEP, revealed=[], prefill_tokens=1)
    assert (scores.forget, scores.forget_nll, scores.prefill, scores.sampled, scores.own_nll) == (0.5,) + (None,) * 4


def test_measuring_twice_gives_the_same(lm):
    once, again = (
        measure(Checkpoint(lm, **ASKED), FakeTarget(), "tune", kept=KEEP, revealed=REVEALED, prefill_tokens=1)
        for _ in range(2)
    )
    assert once == again


def test_rounded_scores_are_those_of_the_rounded_model(lm):
    target, same, checkpoint = FakeTarget(), FakeTarget(), Checkpoint(lm, **ASKED)
    checkpoint.value(FakeTarget().forget, "tune")  # Its answers are kept, and are not those of rounded weights.
    found = measure_rounded(checkpoint, target, "tune", "int4_row")
    with quantised(lm.model, SCHEMES["int4_row"]):
        expected = measure(Checkpoint(lm, **ASKED), same, "tune", kept=KEEP, revealed=[], prefill_tokens=1)
    assert found == {"forget": expected.forget, "utility": expected.utility}
    target.observed = (replace(target.forget, name="watched"), replace(target.forget, name="not watched"))
    watched = measure_rounded(Checkpoint(lm, **ASKED), target, "tune", "int4_row", watched=["watched"])["watched"]
    assert watched == {"watched": expected.forget}
    assert target.seen["answers"][0] == same.seen["answers"][0]
    plain = FakeTarget()
    measure(Checkpoint(lm, **ASKED), plain, "tune", kept=KEEP, revealed=[], prefill_tokens=1)
    assert plain.seen["answers"][0] != target.seen["answers"][0]
