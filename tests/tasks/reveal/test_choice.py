import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.reveal.choice import NEARLY_BEST, Choice, choose_together
from tasks.reveal.vendi import vendi_score
from tests.tasks.reveal.fakes import FakeEmbedding


def choose(scores, shown, most=9):
    return choose_together(FakeEmbedding(), scores, shown, most=most)


def test_what_complements_the_best_is_chosen_over_its_near_copies():
    scores = {3: 0.8, 5: 1.0, 6: 0.99, 7: 0.9}
    shown = {3: ["c", "d"], 5: ["a", "b"], 6: ["a", "b"], 7: ["a", "e"]}
    assert choose(scores, shown, most=2) == Choice([5, 3], 1.0, pytest.approx(4.0))
    assert choose(scores, shown, most=3).arms == [5, 3, 7]
    assert choose(scores, shown, most=4).arms == [5, 3, 7, 6]


def test_the_score_of_the_chosen_together_by_hand():
    # a, a, b, b, c, d: shares of 1/3, 1/3, 1/6 and 1/6.
    together = choose({0: 1.0, 1: 1.0, 2: 1.0}, {0: ["a", "b"], 1: ["a", "b"], 2: ["c", "d"]})
    assert together.vendi_score == pytest.approx(3 ** (2 / 3) * 6 ** (1 / 3))


def test_only_arms_that_are_nearly_as_good_as_the_best():
    shown = {arm: [f"{arm}"] for arm in range(3)}
    assert choose({0: 0.8, 1: NEARLY_BEST * 0.8, 2: 0.59}, shown).arms == [0, 1]


def test_of_equals_the_first():
    assert choose({2: 0.5, 1: 0.5}, {1: ["a"], 2: ["b"]}).arms == [2, 1]


def test_arms_that_show_nothing():
    assert choose({0: 0.002, 1: 0.001}, {0: [], 1: []}) == Choice([0], 0.002, 0.0)
    assert choose({0: 0.002, 1: 0.0019}, {0: [], 1: []}) == Choice([0, 1], 0.002, 0.0)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 20),
        st.tuples(st.floats(0.001, 1), st.lists(st.sampled_from("abcdefgh"), max_size=6)),
        min_size=1,
    ),
    st.integers(1, 8),
)
def test_every_arm_adds_the_most(arms, most):
    scores = {arm: score for arm, (score, _) in arms.items()}
    shown = {arm: texts for arm, (_, texts) in arms.items()}
    embed = FakeEmbedding()
    choice = choose(scores, shown, most)
    good = {arm for arm in scores if scores[arm] >= NEARLY_BEST * max(scores.values())}
    assert scores[choice.arms[0]] == choice.best_score == max(scores.values())
    assert set(choice.arms) <= good
    assert len(set(choice.arms)) == len(choice.arms) == min(most, len(good))

    def together(numbers):
        return vendi_score(torch.cat([embed(shown[arm]) for arm in numbers]))

    for place in range(1, len(choice.arms)):
        before = choice.arms[:place]
        best = max(together([*before, arm]) for arm in good.difference(before))
        assert together(choice.arms[: place + 1]) == pytest.approx(best)
    assert choice.vendi_score == pytest.approx(together(choice.arms))


class TestGain:
    def test_the_larger_of_both(self):
        earlier = Choice([0], 0.5, 10.0)
        assert Choice([0], 0.6, 10.0).gain_over(earlier) == pytest.approx(0.2)
        assert Choice([0], 0.5, 15.0).gain_over(earlier) == pytest.approx(0.5)
        assert Choice([0], 0.6, 5.0).gain_over(earlier) == pytest.approx(0.2)
        assert Choice([0], 0.4, 5.0).gain_over(earlier) == pytest.approx(-0.2)

    def test_nothing_over_nothing_is_no_gain(self):
        assert Choice([0], 0.002, 0.0).gain_over(Choice([0], 0.002, 0.0)) <= 0
        assert Choice([0], 0.5, 3.0).gain_over(Choice([0], 0.002, 0.0)) > 1
