import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.reveal.arms import GrammarSource, MixedSource, SoftArm, SoftSource, TextArm, refreshed_pool

GRAMMAR = (("write",), *(("", *(f"w{slot}{i}" for i in range(9))) for slot in range(3)))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def texts(*, may_ask=lambda text: True):
    return GrammarSource(GRAMMAR, may_ask)


def soft():
    return SoftSource(4)


def text_arm(*choices):
    return TextArm(" ".join(filter(None, choices)), choices)


GOOD_TEXTS = [text_arm("write", "w01", "w11", "w21"), text_arm("write", "w02", "w12", "")]
GOOD_POINTS = [SoftArm((0.25, 0.25, 0.25, 0.25)), SoftArm((0.75, 0.75, 0.75, 0.75))]


def test_text_arms_are_the_same_when_their_text_is():
    assert TextArm("write cats", ("write", "cats")) == TextArm("write cats")
    assert len({TextArm("write cats", ("write", "cats")), TextArm("write cats"), TextArm("write dogs")}) == 2
    assert SoftArm((0.5, 0.25)) == SoftArm((0.5, 0.25)) != SoftArm((0.25, 0.5))


class TestGrammarSource:
    def test_arms_that_are_drawn_are_new_allowed_and_of_the_grammar(self):
        known = texts().draw(200, (), rng())
        drawn = texts(may_ask=lambda text: "w00" not in text).draw(200, known, rng())
        assert len(set(drawn) | set(known)) == 400
        assert all(arm.instruction == " ".join(filter(None, arm.choices)) for arm in drawn)
        assert not any("w00" in arm.instruction for arm in drawn)

    def test_near_ones_recombine_or_change_one_slot(self):
        for arm in texts().near(GOOD_TEXTS, 40, GOOD_TEXTS, rng()):
            parents = [set(good.choices) for good in GOOD_TEXTS]
            assert sum(choice not in parents[0] | parents[1] for choice in arm.choices) <= 1
            assert arm not in GOOD_TEXTS

    def test_there_is_nothing_near_to_what_the_grammar_did_not_make(self):
        assert texts().near([TextArm("say something nice"), *GOOD_POINTS], 10, (), rng()) == []


class TestSoftSource:
    def test_points_are_never_drawn_twice(self):
        source, generator = soft(), rng()
        drawn = [arm for n in (1, 5, 20, 20) for arm in source.draw(n, (), generator)]
        assert len(set(drawn)) == 46

    def test_what_is_drawn_follows_from_the_generator_alone(self):
        source, generator, again = soft(), rng(), rng()
        drawn = [source.draw(20, (), generator) for _ in range(2)]
        assert not set(drawn[0]) & set(drawn[1])
        assert [soft().draw(20, drawn[0], again) for _ in range(2)] == drawn
        assert source.draw(20, (), rng()) == drawn[0]

    def test_what_is_drawn_fills_the_cube_evenly(self):
        points = torch.tensor([arm.point for arm in soft().draw(16, (), rng())])
        assert all(column.sort().values.tolist() == list(range(16)) for column in (points * 16).floor().T)

    def test_near_ones_are_near_good_soft_prompts_only(self):
        near = soft().near([*GOOD_TEXTS, *GOOD_POINTS], 100, (), rng())
        points = torch.tensor([arm.point for arm in near])
        distances = torch.cdist(points, torch.tensor([arm.point for arm in GOOD_POINTS]))
        assert len(near) == 100
        assert distances.min(dim=1).values.mean() < 0.3 < distances.max(dim=1).values.mean()
        assert distances.argmin(dim=1).unique().tolist() == [0, 1]
        assert soft().near(GOOD_TEXTS, 10, (), rng()) == []

    def test_what_is_known_is_not_near(self):
        known = soft().near(GOOD_POINTS, 10, (), rng())
        assert soft().near(GOOD_POINTS, 10, known[:4], rng()) == known[4:]


class TestMixedSource:
    @staticmethod
    def kinds(arms):
        return [sum(isinstance(arm, kind) for arm in arms) for kind in (TextArm, SoftArm)]

    def test_half_of_the_arms_are_of_each_kind(self):
        source = MixedSource(texts(), soft())
        assert self.kinds(source.draw(101, (), rng())) == [50, 51]
        assert self.kinds(source.near([*GOOD_TEXTS, *GOOD_POINTS], 20, (), rng())) == [10, 10]

    def test_soft_prompts_make_up_for_instructions_that_there_are_not(self):
        source = MixedSource(GrammarSource((("write",), ("", "cats")), lambda text: True), soft())
        assert self.kinds(source.draw(20, (), rng())) == [2, 18]

    def test_near_ones_are_of_the_kinds_that_are_good(self):
        source = MixedSource(texts(), soft())
        assert self.kinds(source.near(GOOD_POINTS, 20, (), rng())) == [0, 10]


class TestRefreshedPool:
    @staticmethod
    def pool(source, played=(), written=(), size=20, num_good=2, seed=0):
        return refreshed_pool(source, played, written, size, num_good=num_good, generator=rng(seed))

    def test_the_first_is_drawn_from_everywhere(self):
        assert self.pool(texts()) == texts().draw(20, (), rng())

    def test_what_was_played_comes_first_then_what_was_written_then_new_ones(self):
        written = [TextArm("say something"), GOOD_TEXTS[1], TextArm("say nothing")]
        pool = self.pool(texts(), GOOD_TEXTS, written, size=20)
        assert pool[:4] == [*GOOD_TEXTS, written[0], written[2]]
        assert len(pool) == len(set(pool)) == 2 + 20

    def test_half_of_the_new_ones_are_near_the_best(self):
        far = SoftArm((0.75, 0.75, 0.75, 0.75))
        pool = self.pool(soft(), [GOOD_POINTS[0], far], size=200, num_good=1)
        points = torch.tensor([arm.point for arm in pool[2:]])
        is_near = (points - 0.25).abs().amax(dim=1) < 0.45
        assert is_near[:100].float().mean() > 0.95
        assert is_near[100:].float().mean() < 0.6

    @pytest.mark.parametrize("source", [texts(), soft(), MixedSource(texts(), soft())])
    def test_more_may_be_written_than_new_ones_are_wanted(self, source):
        written = [TextArm(f"say {i}") for i in range(50)]
        pool = self.pool(source, [*GOOD_TEXTS, *GOOD_POINTS], written, size=10, num_good=4)
        assert set(written) < set(pool)
        assert len(pool) == 4 + 50 + 5

    def test_a_grammar_that_is_used_up(self):
        small = GrammarSource((("write",), ("", "cats")), lambda text: True)
        everything = small.draw(9, (), rng())
        assert self.pool(small, everything) == everything

    @settings(deadline=None, max_examples=50)
    @given(st.integers(1, 9), st.integers(0, 9), st.integers(10, 60), st.integers(0, 4), st.integers(0, 2**32))
    def test_nothing_is_lost_and_nothing_is_there_twice(self, num_played, num_written, size, num_good, seed):
        source = MixedSource(texts(), soft())
        arms = source.draw(num_played + num_written, (), rng(seed + 1))
        played, written = arms[:num_played], arms[num_played:]
        pool = self.pool(source, played, written, size, num_good, seed)
        assert pool[: num_played + num_written] == arms
        assert len(set(pool)) == len(pool)
        assert size <= len(pool) - num_played <= max(size, num_written + size // 2)
