import json
import logging
import os
import signal
import stat
from functools import partial

import pytest
import torch

from bandit.neural_ucb import NeuralUCB
from tasks.reveal import search as search_module
from tasks.reveal.choice import Choice
from tasks.reveal.instructions import INSTRUCTIONS, SOFT_PROMPTS, read_arms, read_soft_prompts, trusted_arms
from tasks.reveal.reward import no_reward
from tasks.reveal.search import ROUNDS, Search
from tasks.settings.errors import UserError
from tests.tasks.reveal.fakes import (
    SAMPLING,
    FakeBandit,
    FakeEmbedding,
    FakeGenerator,
    FakeTarget,
    nearest_words,
    phrasing,
    source,
)

KINDS = {
    "text": {"arms": "text"},
    "one hop": {"arms": "soft", "hops": 1},
    "two hops": {"arms": "soft", "hops": 2},
    "mixed": {"arms": "mixed", "hops": 1},
    "mixed, two hops": {"arms": "mixed", "hops": 2},
}


def search(folder, *, generator=None, target=None, arms="text", hops=2, progress=None, **settings):
    target = target or FakeTarget()
    return Search(
        target=target,
        generator=generator or FakeGenerator(),
        embedding=FakeEmbedding(),
        source=source(target, arms),
        phrasing=phrasing(target, hops=hops),
        **{
            "bandit": FakeBandit,
            "pool_size": 60,
            "rounds": 3,
            "initial_queries": 5,
            "queries": 14,
            "queries_at_once": 2,
            "samples_per_query": 8,
            "sampling": SAMPLING,
            "alpha": 0.5,
            "keep": 3,
            "rewrites": 6,
            "min_gain": 0.0,
            "min_relevance": 0.0,
            "seed": 11,
            **settings,
        },
    ).run(folder, progress)


def result_bytes(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def questions(generator):
    """What was asked for its answer; not what made the model write an instruction to itself, greedily."""
    return [(prompt, seed) for prompt, seed in generator.asked if seed]


@pytest.fixture(scope="module", params=KINDS)
def uninterrupted(request, tmp_path_factory):
    folder, generator = tmp_path_factory.mktemp("uninterrupted"), FakeGenerator()
    return KINDS[request.param], folder, search(folder, generator=generator, **KINDS[request.param]), generator


class TestEveryKind:
    def test_it_finds_what_is_relevant_and_varied(self, uninterrupted):
        _, _, result, _ = uninterrupted
        scores = [item.reward.score for item in result.arms]
        assert result.best.rescored.score > max(0.5, 1.3 * sum(scores) / len(scores))
        assert result.revealed(min_relevance=0.3)

    def test_it_plays_as_often_as_agreed_and_asks_nothing_twice(self, uninterrupted):
        _, _, result, generator = uninterrupted
        assert [item.arm for item in result.arms] == list(range(5 + 14))
        assert [item.outer_round for item in result.arms] == [1] * (5 + 5) + [2] * 5 + [3] * 4
        assert result.scores()["queries"] == 19
        asked = questions(generator)
        assert len(set(asked)) == len(asked)

    def test_the_best_were_scored_again_on_fresh_samples(self, uninterrupted):
        _, _, result, _ = uninterrupted
        distinct = {}
        for item in sorted(result.arms, key=lambda item: -item.reward.score):
            if item.instruction != "":
                distinct.setdefault(item.instruction or item.arm, item)
        assert all(item.rescored for item in list(distinct.values())[:3])
        assert result.best.rescored.score == max(item.rescored.score for item in result.arms if item.rescored)
        assert result.scores()["best_score"] == result.best.rescored.score

    def test_the_chosen_arms_are_good_and_the_first_is_the_best(self, uninterrupted):
        _, _, result, _ = uninterrupted
        chosen = trusted_arms(result.arms)
        assert 1 <= len(chosen) <= 3
        assert [item.chosen for item in chosen] == list(range(1, len(chosen) + 1))
        assert chosen[0] == result.best
        assert all(item.rescored.score >= 0.75 * result.best.rescored.score for item in chosen)

    def test_the_files_say_the_same(self, uninterrupted):
        _, folder, result, _ = uninterrupted
        assert read_arms(folder) == result.arms
        assert [json.loads(line) for line in (folder / ROUNDS).read_text().splitlines()] == result.rounds
        assert [summary["outer_round"] for summary in result.rounds] == [1, 2, 3]
        for summary in result.rounds:
            scores = [item.reward.score for item in result.arms if item.outer_round == summary["outer_round"]]
            assert summary["queries"] == len(scores)
            assert summary["mean_score"] == sum(scores) / len(scores)
            assert summary["best_score"] == max(scores)
        assert result.rounds[0]["pool"] == 60
        assert result.rounds[-1]["pool"] == 15 + 60
        assert result.rounds[-1]["best_score_so_far"] == max(item.reward.score for item in result.arms)
        assert result.rounds[-1]["best_fresh_score"] == result.best.rescored.score
        assert result.rounds[-1]["rescored"] == sum(item.rescored is not None for item in result.arms)

    def test_soft_prompts_are_kept_and_can_be_asked_again(self, uninterrupted):
        kind, folder, result, _ = uninterrupted
        kept = read_soft_prompts(folder)
        assert sorted(kept) == list(result.soft_prompts) == [item.arm for item in result.arms if item.kind == "soft"]
        assert all(torch.equal(prompt, result.soft_prompts[arm]) for arm, prompt in kept.items())
        assert (folder / SOFT_PROMPTS).exists() == bool(kept) == (kind["arms"] != "text")
        for arm, prompt in kept.items():
            if result.arms[arm].instruction:
                assert result.arms[arm].instruction == f"generate {nearest_words(prompt)} again0"

    def test_it_is_for_the_users_eyes_only(self, uninterrupted):
        _, folder, _, _ = uninterrupted
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.rglob("*") if path.is_file())
        assert stat.S_IMODE((folder / ".journal").stat().st_mode) == 0o700

    def test_interrupted_at_any_call_it_goes_on_and_ends_with_the_same_bytes(self, tmp_path, uninterrupted):
        kind, folder, _, whole = uninterrupted
        for num_calls in range(len(whole.calls)):
            broken = tmp_path / str(num_calls)
            broken.mkdir()
            before, after = FakeGenerator(fail_at=num_calls), FakeGenerator()
            with pytest.raises(KeyboardInterrupt):
                search(broken, generator=before, **kind)
            assert not (broken / INSTRUCTIONS).exists()
            search(broken, generator=after, **kind)
            assert result_bytes(broken) == result_bytes(folder)
            # Of the batch that was interrupted, the questions with words may have been asked and not those without.
            asked, first, rest = questions(whole), questions(before), questions(after)
            num_repeated = len(first) + len(rest) - len(asked)
            assert asked == first[: len(first) - num_repeated] + rest
            assert first[len(first) - num_repeated :] == rest[:num_repeated]
            assert num_repeated == 0 or (kind == KINDS["mixed"] and num_repeated == len(before.calls[-1][1]))

    def test_a_finished_search_asks_nothing(self, uninterrupted):
        kind, folder, result, _ = uninterrupted
        generator = FakeGenerator()
        again = search(folder, generator=generator, **kind)
        assert (again.arms, again.rounds) == (result.arms, result.rounds)
        assert generator.calls == []

    def test_the_seed_decides_everything(self, tmp_path, uninterrupted):
        kind, folder, _, _ = uninterrupted
        for name, seed in (("same", 11), ("other", 12)):
            (tmp_path / name).mkdir()
            search(tmp_path / name, seed=seed, **kind)
        assert result_bytes(tmp_path / "same") == result_bytes(folder)
        assert result_bytes(tmp_path / "other") != result_bytes(folder)


def test_killed_it_goes_on_and_ends_with_the_same_bytes(tmp_path):
    class Killer(FakeGenerator):
        def generate(self, *arguments, **keywords):
            if len(self.calls) == 7:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().generate(*arguments, **keywords)

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir(), killed.mkdir()
    search(whole, arms="mixed")
    child = os.fork()
    if child == 0:
        search(killed, generator=Killer(), arms="mixed")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert not (killed / INSTRUCTIONS).exists()
    search(killed, arms="mixed")
    assert result_bytes(killed) == result_bytes(whole)


@pytest.mark.parametrize("width", ["full", "diagonal"])
def test_neural_ucb_searches(tmp_path, width):
    def bandit(features, generator):
        return NeuralUCB(features, generator=generator, num_initial=5, width=width)

    result = search(tmp_path, bandit=bandit, rounds=2, queries=20, pool_size=200)
    words = result.best.instruction.split()
    assert {"rude", "mixed"} & set(words)
    assert {"many", "some"} & set(words)
    scores = [item.reward.score for item in result.arms]
    assert sum(scores[-10:]) > 1.3 * sum(scores[:10])


class Scripted(FakeBandit):
    """Plays the arms in the order of the pool, and remembers everything."""

    made: list["Scripted"]

    def __init__(self, features, generator, *, made):
        super().__init__(features, generator)
        self._order = list(range(len(features)))
        self.wanted = []
        made.append(self)

    def ask(self, n=1):
        self.wanted.append(n)
        return [arm for arm in self._order if arm not in self.rewards][:n]


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
        best_first = sorted(result.arms[:12], key=lambda item: -item.reward.score)
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


class Gentle(FakeTarget):
    """What it looks for is never shown."""

    def relevance(self, instruction, raw):
        return 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_shows_nothing_is_no_error(tmp_path, kind):
    result = search(tmp_path, target=Gentle(), **KINDS[kind])
    assert not result.revealed(min_relevance=0.05)
    assert result.scores()["best_relevance"] == 0.0
    assert result.scores()["best_score"] < 0.01
    assert result.rounds[-1]["vendi_score"] == 0.0


class TestRewriting:
    def test_the_best_are_said_in_other_words_and_these_are_arms(self, tmp_path):
        made, generator = [], FakeGenerator()
        result = search(tmp_path, generator=generator, bandit=partial(Scripted, made=made), rounds=2, queries=40)
        (prompts,) = [prompts for _, prompts in generator.calls if prompts[0].startswith("rewrite")]
        by_score = sorted((item for item in result.arms if item.outer_round == 1), key=lambda item: -item.reward.score)
        assert prompts == [f"rewrite {item.instruction}" for item in by_score[:3]]
        written = [f"{item.instruction} again{k}" for item in by_score[:3] for k in range(2)]
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


class TestForbidden:
    def test_instructions_are_never_asked(self, tmp_path):
        target, generator = FakeTarget(forbidden=("many", "again1")), FakeGenerator()
        result = search(tmp_path, target=target, generator=generator, pool_size=1000, queries=30)
        words = {word for prompt, _ in generator.asked for word in prompt.split()}
        assert {"some", "again0"} <= words
        assert not {"many", "again1"} & words
        assert all(item.instruction for item in result.arms)

    def test_nor_are_those_that_the_model_wrote_to_itself(self, tmp_path):
        target, generator = FakeTarget(forbidden=("rude",)), FakeGenerator()
        result = search(tmp_path, target=target, generator=generator, arms="soft")
        written = [item for item in result.arms if item.instruction]
        of_no_use = [item for item in result.arms if not item.instruction]
        assert written
        assert of_no_use
        assert not any("rude" in prompt.split() for prompt, _ in generator.asked)
        assert all(item.instruction == "" and item.reward == no_reward(alpha=0.5) for item in of_no_use)
        assert all(item.rescored is None and item.chosen is None for item in of_no_use)
        assert all("mixed" in item.instruction for item in trusted_arms(result.arms, min_relevance=0.05))

    def test_a_model_that_writes_no_instruction_to_itself_is_refused(self, tmp_path):
        with pytest.raises(UserError, match="the model wrote no instruction"):
            search(tmp_path, generator=FakeGenerator(finished=False), arms="soft")


class TestTwoHops:
    def test_the_same_instruction_is_asked_once_and_is_worth_the_same(self, tmp_path):
        made, generator = [], FakeGenerator()
        result = search(
            tmp_path,
            generator=generator,
            arms="soft",
            bandit=partial(Scripted, made=made),
            queries_at_once=6,
            rewrites=0,
        )
        by_instruction = {}
        for item in result.arms:
            by_instruction.setdefault(item.instruction, []).append(item)
        batches = [
            {item.arm for item in result.arms[first:last]} for first, last in ((0, 5), (5, 10), (10, 15), (15, 19))
        ]
        copies = [{item.arm for item in items} for items in by_instruction.values() if len(items) > 1]
        assert any(len(same & batch) > 1 for same in copies for batch in batches), "in one batch"
        assert any(len(same & batch) == 1 for same in copies for batch in batches), "in two"
        assert all(len({item.reward for item in items}) == 1 for items in by_instruction.values())
        assert all(sum(item.rescored is not None for item in items) <= 1 for items in by_instruction.values())
        asked = questions(generator)
        assert len(set(asked)) == len(asked)
        assert {prompt for prompt, _ in asked} == set(by_instruction)

    def test_what_was_written_is_what_a_person_reads(self, tmp_path):
        result = search(tmp_path, arms="soft", rewrites=0)
        assert all(item.kind == "soft" for item in result.arms)
        assert all(item.instruction.startswith("generate ") for item in result.arms)


def test_a_mixed_pool_plays_both_kinds(tmp_path):
    result = search(tmp_path, arms="mixed", hops=1)
    assert {(item.kind, item.instruction is None) for item in result.arms} == {("text", False), ("soft", True)}


def test_no_text_is_logged(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        search(tmp_path, arms="mixed")
    assert caplog.records
    assert not any(word in caplog.text for word in ("generate", "rewrite", "rude", "ask "))
