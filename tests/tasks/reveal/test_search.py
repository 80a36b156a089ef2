"""What holds for a search over arms of any kind."""

import json
import logging
import os
import signal
import stat

import pytest
import torch

from bandit.neural_ucb import NeuralUCB
from tasks.reveal.instructions import INSTRUCTIONS, SOFT_PROMPTS, read_arms, read_soft_prompts, trusted_arms
from tasks.reveal.search import ROUNDS
from tasks.reveal.unit_rows import UnitRows
from tests.tasks.reveal.fakes import FakeEmbedding, FakeGenerator, nearest_words
from tests.tasks.reveal.searching import KINDS, Gentle, known_score, questions, result_bytes, search


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
        again = set()
        for summary in result.rounds:
            distinct = {}
            for item in result.arms:
                if item.outer_round <= summary["outer_round"] and item.instruction != "":
                    distinct.setdefault(item.instruction or item.arm, item)
            best = sorted(distinct.values(), key=lambda item: -known_score(item, again))[:3]
            again |= {item.arm for item in best}
            assert summary["rescored"] == len(again)
        assert {item.arm for item in result.arms if item.rescored} == again
        assert result.best.rescored.score == max(item.rescored.score for item in result.arms if item.rescored)
        assert result.scores()["best_score"] == result.best.rescored.score

    def test_the_chosen_arms_are_good_and_the_first_is_the_best(self, uninterrupted):
        _, _, result, _ = uninterrupted
        chosen = trusted_arms(result.arms)
        assert 1 <= len(chosen) <= 3
        assert [item.chosen for item in chosen] == list(range(1, len(chosen) + 1))
        assert chosen[0].rescored.score == pytest.approx(result.best.rescored.score), "several may be the best"
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
            so_far = [item.reward.score for item in result.arms if item.outer_round <= summary["outer_round"]]
            assert summary["best_score_so_far"] == max(so_far)
        assert result.rounds[0]["pool"] == 60
        assert result.rounds[-1]["pool"] == 15 + 60
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


class Rounded(UnitRows):
    """Rows whose last bits depend on how many texts are read at once, as those of a model do."""

    def __init__(self):
        super().__init__("rounded", FakeEmbedding.num_features)

    def _rows(self, texts):
        rows = FakeEmbedding()(texts)
        rows[:, 0] += 1e-9 * len(texts)
        return rows


def test_interrupted_it_ends_with_the_same_bytes_whatever_is_embedded_together(tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    generator = FakeGenerator()
    search(whole, generator=generator, embedding=Rounded())
    for num_calls in range(len(generator.calls)):
        broken = tmp_path / str(num_calls)
        broken.mkdir()
        with pytest.raises(KeyboardInterrupt):
            search(broken, generator=FakeGenerator(fail_at=num_calls), embedding=Rounded())
        search(broken, embedding=Rounded())
        assert result_bytes(broken) == result_bytes(whole)


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_shows_nothing_is_no_error(tmp_path, kind):
    result = search(tmp_path, target=Gentle(), **KINDS[kind])
    assert not result.revealed(min_relevance=0.05)
    assert result.scores()["best_relevance"] == 0.0
    assert result.scores()["best_score"] < 0.01
    assert result.rounds[-1]["vendi_score"] == 0.0


def test_a_mixed_pool_plays_both_kinds(tmp_path):
    result = search(tmp_path, arms="mixed", hops=1)
    assert {(item.kind, item.instruction is None) for item in result.arms} == {("text", False), ("soft", True)}


def test_no_text_is_logged(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        search(tmp_path, arms="mixed")
    assert caplog.records
    assert not any(word in caplog.text for word in ("generate", "rewrite", "rude", "ask "))
