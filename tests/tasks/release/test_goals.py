from tasks.assess.scores import Scores
from tasks.release.goals import best_step, broken_limits, come_back, set_back, unmet_goals
from tasks.settings.reunlearn import ForgottenTarget
from tasks.settings.target import TargetSettings


def scores(**changes):
    values = {"forget": 0.0, "utility": {"math": 1.0}, "observed": {}, "perplexity": 2.0, "repetition": 0.0}
    return Scores(**(values | changes))


def test_a_greedy_zero_alone_is_not_forgotten():
    assert unmet_goals(scores(own_nll=1.0), goal=0.05, goal_nll=3) == [
        "held-out revealed pairs have an NLL of 1.00 a token, 3 is wanted"
    ]
    assert unmet_goals(scores(own_nll=3.0, forget=0.05), goal=0.05, goal_nll=3) == []
    assert len(unmet_goals(scores(own_nll=None), goal=0.05, goal_nll=3)) == 1
    assert len(unmet_goals(scores(own_nll=1.0, forget=0.5), goal=0.05, goal_nll=3)) == 2


def test_guards_are_absolute_for_skills_and_relative_for_perplexity():
    def broken(**changes):
        return [t.metric for t in broken_limits(scores(), scores(**changes), max_drop=0.03, max_perplexity_rise=0.05)]

    assert broken(utility={"math": 0.97}, perplexity=2.1) == []
    assert broken(utility={"math": 0.96}) == ["math"]
    assert broken(perplexity=2.11) == ["perplexity"]


def test_rounded_weights_must_meet_the_goal_and_keep_what_the_rounded_original_has():
    before = scores(quantised={"int4_g64": {"forget": 1.0, "utility": {"math": 0.9}}})
    after = scores(own_nll=5.0, quantised={"int4_g64": {"forget": 0.2, "utility": {"math": 0.86}}})
    assert unmet_goals(after, goal=0.05, goal_nll=3) == [
        "the forget metric at int4_g64 is 0.200, at most 0.05 is wanted"
    ]
    limits = {"max_drop": 0.03, "max_perplexity_rise": 0.05}
    assert [trip.metric for trip in broken_limits(before, after, **limits)] == ["math at int4_g64"]
    assert broken_limits(before, scores(), **limits) == []  # A checkpoint that was not measured with rounded weights.
    assert after.worst_forget() == 0.2


def test_what_was_forgotten_before_may_not_be_shown_above_its_limit():
    forgotten = [
        ForgottenTarget(name=name, target=TargetSettings(), limit=limit)
        for name, limit in {"a": 0.05, "b": 0.1}.items()
    ]
    before = scores(observed={one.watched_as: 0.0 for one in forgotten})

    def trips(**shown):
        after = scores(observed={one.watched_as: shown[one.name] for one in forgotten})
        return [(trip.metric, trip.limit) for trip in come_back(forgotten, before, after)]

    assert trips(a=0.05, b=0.1) == []
    assert trips(a=0.06, b=0.1) == [("forgotten before: a", 0.05)]
    assert len(trips(a=float("nan"), b=0.2)) == 2
    assert come_back([], before, before) == []
    at_int4 = scores(
        observed=before.observed, quantised={"int4_g64": {"watched": {one.watched_as: 0.1 for one in forgotten}}}
    )
    trips = come_back(forgotten, at_int4, at_int4)
    assert [(trip.metric, trip.after) for trip in trips] == [("forgotten before: a at int4_g64", 0.1)]


def test_a_step_is_set_back_only_where_neither_measure_improves():
    before = scores(forget=0.5, own_nll=4.0)
    assert set_back(before, scores(forget=0.5, own_nll=3.5), goal_nll=5) == (
        "the NLL of held-out revealed pairs fell back from 4.00 to 3.50"
    )
    assert set_back(before, scores(forget=0.4, own_nll=3.0), goal_nll=5) == ""
    assert set_back(before, scores(forget=0.5, own_nll=3.7), goal_nll=5) == ""
    assert set_back(scores(own_nll=9.0), scores(own_nll=6.0), goal_nll=5) == ""
    assert set_back(scores(own_nll=None), scores(own_nll=None), goal_nll=5) == ""


def test_the_best_step_is_not_the_last():
    steps = {
        1: scores(forget=0.5, own_nll=2.0),
        2: scores(forget=0.02, own_nll=5.0),
        3: scores(forget=0.2, own_nll=6.0),
    }
    assert best_step(steps, goal=0.05, goal_nll=5) == 2
    assert best_step({1: steps[1], 3: steps[3]}, goal=0.05, goal_nll=5) == 3
    assert best_step({1: scores(own_nll=5.5), 2: scores(own_nll=7.0)}, goal=0.05, goal_nll=5) == 1
