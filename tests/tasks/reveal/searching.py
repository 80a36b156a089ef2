"""A small search of the fake model, and what its tests ask of it."""

from tasks.reveal.search import Search
from tasks.store.seeds import derive_seed
from tests.tasks.reveal.fakes import (
    SAMPLING,
    FakeBandit,
    FakeEmbedding,
    FakeGenerator,
    FakeTarget,
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
        source=source(target, arms),
        phrasing=phrasing(target, hops=hops),
        **{
            "embedding": FakeEmbedding(),
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


def known_score(item, rescored):
    """What a search knows of the score of an arm once those with the numbers `rescored` were scored again."""
    return (item.reward.score + item.rescored.score) / 2 if item.arm in rescored else item.reward.score


def best_of_first_round(result, keep=3):
    """The arms of the first round, the best first, once the best few of them were scored again."""
    played = sorted((item for item in result.arms if item.outer_round == 1), key=lambda item: -item.reward.score)
    rescored = {item.arm for item in played[:keep]}
    return sorted(sorted(played, key=lambda item: item.arm), key=lambda item: -known_score(item, rescored))


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


class Lucky(FakeGenerator):
    """Rude to some words only the first time that it is asked: never when the best are scored again.

    Args:
        words: Instructions that have one of them are lucky.
        seed: Of the search.
    """

    def __init__(self, *words, seed=11):
        super().__init__()
        self._words = set(words)
        self._fresh = derive_seed(seed, "rescore")

    def generate(self, prompts=None, **keywords):
        self._is_fresh = keywords["seed"] == self._fresh
        return super().generate(prompts, **keywords)

    def _completion(self, text, draw, sample):
        is_over = self._is_fresh and self._words & set(text.split())
        return super()._completion(text.replace("rude", "kind") if is_over else text, draw, sample)


class Gentle(FakeTarget):
    """What it looks for is never shown."""

    def relevance(self, instruction, raws):
        return [0.0] * len(raws)
