"""The loops of a search: what is asked at once, what the bandit is told, what a round adds, and when it is the last."""

from functools import partial

import pytest
import torch

from tasks.reveal import search as search_module
from tasks.reveal.choice import Choice
from tests.tasks.reveal.fakes import FakeBandit, FakeGenerator, FakeTarget, phrasing
from tests.tasks.reveal.searching import Gentle, Lucky, Scripted, best_of_first_round, search


class TestBatches:
    def test_initial_arms_are_one_batch_and_so_are_those_chosen_at_once(self, tmp_path):
        made, generator = [], FakeGenerator()
        search(tmp_path, generator=generator, bandit=partial(Scripted, made=made), queries_at_once=4, rewrites=0)
        assert [bandit.wanted for bandit in made] == [[5, 4, 1], [4, 1], [4]]
        sizes = [len(prompts) for _, prompts in generator.calls]
        assert sizes[:4] == [5, 4, 1, 3]  # then the best three again
        assert sizes[4:6] == [4, 1]

    def test_a_batch_asks_with_one_seed_and_fresh_samples_have_another(self, tmp_path):
        generator = FakeGenerator()
        search(tmp_path, generator=generator, rounds=1, rewrites=0)
        seeds = [seed for seed, _ in generator.calls]
        assert len(set(seeds[:-1])) == 1
        assert seeds[-1] not in seeds[:-1]

    def test_one_at_a_time(self, tmp_path):
        generator = FakeGenerator()
        search(tmp_path, generator=generator, queries_at_once=1, rounds=1, queries=6, rewrites=0)
        assert [len(prompts) for _, prompts in generator.calls] == [5, 1, 1, 1, 1, 1, 1, 3]

    def test_progress_goes_from_little_to_all(self, tmp_path):
        shares = []
        search(tmp_path, progress=lambda share, words: shares.append(share))
        assert shares == sorted(shares)
        assert shares[0] == pytest.approx(5 / 19)
        assert shares[-1] == 1.0
        assert len(shares) == 1 + 3 + 3 + 2


class TestBandit:
    def test_it_is_told_each_score_and_in_the_next_round_the_mean_of_both(self, tmp_path):
        made = []
        result = search(tmp_path, bandit=partial(Scripted, made=made), rounds=2, rewrites=0)
        first, second = made
        assert list(first.rewards.values()) == [item.reward.score for item in result.arms[:12]]

        fresh = {item.arm for item in sorted(result.arms[:12], key=lambda item: -item.reward.score)[:3]}
        told = list(second.rewards.values())[:12]
        for item, score in zip(result.arms[:12], told, strict=True):
            both = [item.reward.score, item.rescored.score] if item.arm in fresh else [item.reward.score]
            assert score == sum(both) / len(both)
        assert any(score != item.reward.score for item, score in zip(result.arms[:12], told, strict=True))
        assert list(second.rewards.values())[12:] == [item.reward.score for item in result.arms[12:]]

    def test_it_is_given_the_features_of_the_whole_pool_with_the_best_first(self, tmp_path):
        made = []
        result = search(tmp_path, bandit=partial(Scripted, made=made), rounds=2, rewrites=0)
        best_first = best_of_first_round(result)
        assert best_first != sorted(result.arms[:12], key=lambda item: -item.reward.score)
        features = phrasing(FakeTarget()).featurizer.features([item.instruction for item in best_first])
        assert made[1].features.shape[0] == 12 + 60
        assert torch.equal(made[1].features[:12], features)

    def test_another_generator_in_every_round(self, tmp_path):
        drawn = []

        def bandit(features, generator):
            drawn.append(torch.rand((), generator=generator).item())
            return FakeBandit(features, generator)

        search(tmp_path, bandit=bandit)
        assert len(set(drawn)) == 3


class TestLuck:
    class TwoArms(FakeTarget):
        grammar = (("generate",), ("rude",), ("many", "some"))

    def search(self, folder, *lucky, **settings):
        generator = Lucky(*lucky)
        settings = {"initial_queries": 2, "queries": 0, "keep": 1, "rewrites": 0, **settings}
        return search(folder, generator=generator, target=self.TwoArms(), **settings), generator

    def test_an_arm_that_was_only_lucky_makes_room_for_another(self, tmp_path):
        result, generator = self.search(tmp_path, "many", rounds=2, rewrites=1)
        many, some = sorted(result.arms, key=lambda item: item.instruction)
        assert many.reward.score > some.reward.score > (many.reward.score + many.rescored.score) / 2
        assert [summary["rescored"] for summary in result.rounds] == [1, 2], "first the one, then the other"
        assert many.rescored.relevance == 0 < some.rescored.relevance
        assert result.best == some
        assert (many.chosen, some.chosen) == (None, 1)
        assert [prompt for prompt, _ in generator.asked if prompt.startswith("rewrite")] == [
            "rewrite generate rude some"
        ]
        assert [summary["best_score_so_far"] for summary in result.rounds] == [many.reward.score] * 2

    def test_an_arm_that_was_not_stays(self, tmp_path):
        result, _ = self.search(tmp_path, rounds=2)
        assert [summary["rescored"] for summary in result.rounds] == [1, 1]
        assert result.best.instruction == "generate rude many"

    @pytest.mark.parametrize(("lucky", "num_rounds"), [(["many"], 3), (["many", "some"], 2)])
    def test_the_best_show_nothing_when_none_that_was_scored_again_does(self, tmp_path, lucky, num_rounds):
        result, _ = self.search(tmp_path, *lucky, rounds=3, min_relevance=0.05)
        assert len(result.rounds) == num_rounds
        assert result.revealed(min_relevance=0.05) == (num_rounds == 3)

    def test_what_was_not_scored_again_does_not_count(self, tmp_path):
        """The third arm is the best by what is known of it, and only because it was played once."""

        class ThreeArms(FakeTarget):
            grammar = (("generate",), ("rude",), ("many",), ("", "extra1", "extra2"))

        result = search(
            tmp_path,
            generator=Lucky("many"),
            target=ThreeArms(),
            rounds=4,
            initial_queries=3,
            queries=0,
            keep=1,
            rewrites=0,
            min_relevance=0.05,
        )
        (third,) = (item for item in result.arms if not item.rescored)
        both = [(item.reward.score + item.rescored.score) / 2 for item in result.arms if item.rescored]
        assert third.reward.score > max(both)
        assert len(result.rounds) == len(both) == 2
        assert not result.revealed(min_relevance=0.05)


class TestEnd:
    def test_it_ends_with_a_round_that_gains_too_little(self, tmp_path):
        result = search(tmp_path, rounds=4, min_gain=10.0)
        assert len(result.rounds) == result.scores()["rounds"] == 2
        assert {item.outer_round for item in result.arms} == {1, 2}

    def test_a_round_is_held_against_the_one_before(self, tmp_path, monkeypatch):
        choices = iter([Choice([0], 0.1, 2.0), Choice([0], 0.4, 2.0), Choice([0], 0.4, 2.5), Choice([0], 0.41, 2.6)])
        monkeypatch.setattr(search_module, "choose_together", lambda *arguments, **keywords: next(choices))
        result = search(tmp_path, rounds=9, min_gain=0.1)
        assert [summary["best_fresh_score"] for summary in result.rounds] == [0.1, 0.4, 0.4, 0.41]
        assert [summary["vendi_score"] for summary in result.rounds] == [2.0, 2.0, 2.5, 2.6]

    def test_it_goes_on_while_rounds_gain(self, tmp_path):
        assert len(search(tmp_path, rounds=4, min_gain=0.0).rounds) == 4

    @pytest.mark.parametrize(("min_relevance", "num_rounds"), [(0.05, 2), (0.0, 4)])
    def test_it_ends_when_even_the_best_show_nothing(self, tmp_path, min_relevance, num_rounds):
        result = search(tmp_path, target=Gentle(), rounds=4, min_relevance=min_relevance)
        assert len(result.rounds) == num_rounds

    def test_a_grammar_that_is_used_up_ends_it(self, tmp_path):
        class Small(FakeTarget):
            grammar = (("generate",), ("", "rude"), ("", "many"))

        result = search(tmp_path, target=Small(), rewrites=0, min_gain=0.02)
        assert len(result.arms) == 4
        assert result.rounds[-1]["queries"] == 0
        assert result.rounds[-1]["mean_score"] is None

    def test_a_small_pool_is_filled_up_in_every_round(self, tmp_path):
        result = search(tmp_path, pool_size=6, initial_queries=6, queries=12, rewrites=0)
        assert [item.outer_round for item in result.arms] == [1] * 6 + [2] * 4 + [3] * 4


class TestRewriting:
    def test_the_best_are_said_in_other_words_and_these_are_arms(self, tmp_path):
        made, generator = [], FakeGenerator()
        result = search(tmp_path, generator=generator, bandit=partial(Scripted, made=made), rounds=2, queries=40)
        (prompts,) = [prompts for _, prompts in generator.calls if prompts[0].startswith("rewrite")]
        best = best_of_first_round(result)[:3]
        assert prompts == [f"rewrite {item.instruction}" for item in best]
        written = [f"{item.instruction} again{k}" for item in best for k in range(2)]
        assert result.rounds[0]["rewritten"] == 0
        assert result.rounds[1]["rewritten"] == len(written) == 6
        # The first new ones of the pool, which is played in order.
        assert [item.instruction for item in result.arms if item.outer_round == 2][:6] == written

    def test_never_where_none_is_wanted_or_nothing_can_be_read(self, tmp_path):
        for name, settings in (("none", {"rewrites": 0}), ("soft", {"arms": "soft", "hops": 1})):
            generator = FakeGenerator()
            (tmp_path / name).mkdir()
            result = search(tmp_path / name, generator=generator, **settings)
            assert not any(prompt.startswith("rewrite") for prompt, _ in generator.asked)
            assert [summary["rewritten"] for summary in result.rounds] == [0, 0, 0]

    def test_more_of_them_than_the_pool_is_to_be_refreshed_by(self, tmp_path):
        for arms in ("text", "mixed"):
            (tmp_path / arms).mkdir()
            result = search(tmp_path / arms, pool_size=10, rewrites=40, arms=arms)
            assert result.rounds[1]["pool"] >= 10 + 40
