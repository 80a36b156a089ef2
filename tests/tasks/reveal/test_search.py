import json
import os
import signal
import stat

import pytest

from tasks.reveal.instructions import read_instructions
from tasks.reveal.search import search_instructions
from tests.tasks.reveal.fakes import SAMPLING, FakeGenerator, FakeTarget, features

RESULT = ("instructions.jsonl", "rounds.jsonl")


def search(folder, *, generator=None, target=None, **settings):
    return search_instructions(
        folder,
        target=target or FakeTarget(),
        generator=generator or FakeGenerator(),
        features=features,
        **{
            "pool_size": 60,
            "rounds": 2,
            "initial_queries": 5,
            "queries": 9,
            "samples_per_query": 8,
            "sampling": SAMPLING,
            "alpha": 0.5,
            "exploration": 0.3,
            "keep": 3,
            "seed": 11,
            **settings,
        },
    )


def result_bytes(folder):
    return {name: (folder / name).read_bytes() for name in RESULT}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    generator = FakeGenerator()
    return folder, search(folder, generator=generator), generator


def test_it_finds_what_is_relevant_and_varied(uninterrupted):
    _, result, _ = uninterrupted
    assert "rude" in result.best.instruction.split() or "mixed" in result.best.instruction.split()
    assert "many" in result.best.instruction.split()
    assert result.revealed(min_relevance=0.05)


def test_it_asks_as_often_as_agreed_and_nothing_twice(uninterrupted):
    _, result, generator = uninterrupted
    assert len(result.instructions) == 5 + 9
    assert len({item.instruction for item in result.instructions}) == 14
    assert [item.arm for item in result.instructions] == list(range(14))
    assert [item.outer_round for item in result.instructions] == [1] * (5 + 5) + [2] * 4
    assert len(generator.asked) == 14 + 3
    assert result.scores()["queries"] == 14


def test_the_best_few_are_scored_again_on_fresh_samples(uninterrupted):
    _, result, generator = uninterrupted
    by_score = sorted(result.instructions, key=lambda item: -item.reward.score)
    assert [item.rescored is not None for item in by_score] == [True] * 3 + [False] * 11
    query_seed, fresh_seed = generator.asked[0][1], generator.asked[-1][1]
    assert query_seed != fresh_seed
    assert {text for text, seed in generator.asked if seed == fresh_seed} == {item.instruction for item in by_score[:3]}
    assert result.best.rescored.score == max(item.rescored.score for item in by_score[:3])
    assert result.scores()["best_score"] == result.best.rescored.score


def test_the_files_say_the_same(uninterrupted):
    folder, result, _ = uninterrupted
    assert read_instructions(folder) == result.instructions
    first, second = map(json.loads, (folder / "rounds.jsonl").read_text().splitlines())
    scores = [item.reward.score for item in result.instructions]
    assert first == {
        "outer_round": 1,
        "pool": 60,
        "queries": 10,
        "mean_score": sum(scores[:10]) / 10,
        "best_score": max(scores[:10]),
        "best_score_so_far": max(scores[:10]),
    }
    assert second["pool"] == 10 + 60
    assert second["queries"] == 4
    assert second["best_score_so_far"] == max(scores)
    assert all(stat.S_IMODE((folder / name).stat().st_mode) == 0o600 for name in RESULT)


@pytest.mark.parametrize("num_queries", [0, 1, 5, 10, 13, 14, 16])
def test_interrupted_it_goes_on_and_ends_with_the_same_bytes(tmp_path, uninterrupted, num_queries):
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, generator=FakeGenerator(fail_after=num_queries))
    generator = FakeGenerator()
    search(tmp_path, generator=generator)
    assert result_bytes(tmp_path) == result_bytes(uninterrupted[0])
    assert len(generator.asked) == 17 - num_queries


def test_killed_it_goes_on_and_ends_with_the_same_bytes(tmp_path, uninterrupted):
    class Killer(FakeGenerator):
        def generate(self, prompts, **kwargs):
            if len(self.asked) == 7:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().generate(prompts, **kwargs)

    child = os.fork()
    if child == 0:
        search(tmp_path, generator=Killer())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert not (tmp_path / "instructions.jsonl").exists()
    search(tmp_path)
    assert result_bytes(tmp_path) == result_bytes(uninterrupted[0])


def test_the_seed_decides_everything(tmp_path, uninterrupted):
    for name, seed in (("same", 11), ("other", 12)):
        (tmp_path / name).mkdir()
        search(tmp_path / name, seed=seed)
    assert result_bytes(tmp_path / "same") == result_bytes(uninterrupted[0])
    assert result_bytes(tmp_path / "other") != result_bytes(uninterrupted[0])


def test_a_model_that_shows_nothing_is_no_error(tmp_path):
    class Gentle(FakeGenerator):
        def _completion(self, prompt, seed, sample):
            return super()._completion(prompt.replace("rude", "kind").replace("mixed", "kind"), seed, sample)

    result = search(tmp_path, generator=Gentle())
    assert not result.revealed(min_relevance=0.05)
    assert result.scores()["best_relevance"] == 0.0
    assert result.scores()["best_score"] < 0.01


def test_forbidden_instructions_are_never_asked(tmp_path):
    target, generator = FakeTarget(forbidden=("generate rude many", "generate")), FakeGenerator()
    search(tmp_path, target=target, generator=generator, pool_size=1000, queries=20)
    assert generator.asked
    assert not {"generate rude many", "generate"} & {text for text, _ in generator.asked}


def test_a_small_pool_is_filled_up_in_every_round(tmp_path):
    result = search(tmp_path, pool_size=6, initial_queries=6, queries=12, rounds=3)
    assert [item.outer_round for item in result.instructions] == [1] * 6 + [2] * 4 + [3] * 4


def test_a_grammar_that_is_used_up_ends_the_search(tmp_path):
    class Small(FakeTarget):
        grammar = (("generate",), ("", "rude"), ("", "many"))

    result = search(tmp_path, target=Small(), queries=20)
    assert len(result.instructions) == 4


def test_progress_goes_from_little_to_all(tmp_path):
    shares = []
    search(tmp_path, progress=lambda share, words: shares.append(share))
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(1 / 17)
    assert shares[-1] == 1.0
