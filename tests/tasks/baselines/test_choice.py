from tasks.assess.scores import Scores
from tasks.baselines.choice import best_trial

LIMITS = {"goal": 0.05, "goal_nll": 5.0, "max_drop": 0.03, "max_perplexity_rise": 0.05}
UNTOUCHED = Scores(forget=1.0, utility={"math": 1.0}, observed={}, perplexity=2.0, repetition=0.0, own_nll=0.1)


def trial(*, forget=0.0, math=1.0, perplexity=2.0, own_nll=5.0, rounded=None, diverged=""):
    quantised = {} if rounded is None else {"int4_g64": {"forget": rounded, "utility": {}}}
    scores = Scores(
        forget=forget,
        utility={"math": math},
        observed={},
        perplexity=perplexity,
        repetition=0.0,
        own_nll=own_nll,
        quantised=quantised,
    )
    return {"diverged": diverged, "scores": None if diverged else scores.to_json()}


def best(*trials):
    return best_trial(UNTOUCHED, dict(enumerate(trials, start=1)), **LIMITS)


def test_limits_come_before_forgetting():
    assert best(trial(forget=0.0, math=0.9), trial(forget=0.6, own_nll=1.0)) == 2


def test_where_none_is_within_the_limits_the_one_that_breaks_fewest():
    assert best(trial(math=0.9, perplexity=3.0), trial(forget=0.2, math=0.5)) == 2


def test_forgetting_counts_at_every_measured_precision():
    assert best(trial(rounded=0.3), trial(rounded=0.1)) == 2
    assert best(trial(rounded=0.3), trial(forget=0.2, own_nll=5.0)) == 2


def test_depth_counts_up_to_the_goal_and_the_first_of_equals_is_taken():
    assert best(trial(own_nll=2.0), trial(own_nll=3.0)) == 2
    assert best(trial(own_nll=6.0), trial(own_nll=60.0)) == 1


def test_a_trial_that_diverged_is_not_taken():
    assert best(trial(diverged="the loss became nan"), trial(forget=1.0, own_nll=0.1)) == 2
