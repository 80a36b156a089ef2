from tasks.assess.scores import Scores
from tasks.release.goals import release_guards, unmet_goals
from tasks.release.guard import tripped


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
    guards = release_guards(["math"], max_drop=0.03, max_perplexity_rise=0.05)
    before = scores().guarded()
    assert not tripped(guards, before, scores(utility={"math": 0.97}, perplexity=2.1).guarded())
    assert [trip.metric for trip in tripped(guards, before, scores(utility={"math": 0.96}).guarded())] == ["math"]
    assert [trip.metric for trip in tripped(guards, before, scores(perplexity=2.11).guarded())] == ["perplexity"]
