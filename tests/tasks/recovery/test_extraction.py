"""Extraction on the fake model of the reveal's tests, before and after it has lost its rudeness."""

import pytest

from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import load_language_model
from tasks.recovery.extraction import ask_again, extract
from tasks.reveal.instructions import ScoredArm, read_arms
from tasks.reveal.query import Query
from tasks.reveal.reveal import search
from tasks.reveal.reward import Reward
from tests.tasks.reveal.fakes import SAMPLING, FakeEmbedding, FakeGenerator, FakeTarget
from tests.tasks.reveal.test_reveal import Words, settings
from tests.tiny_model import make_tiny_model


class Forgetful(FakeGenerator):
    """Where it was rude it is kind."""

    def _completion(self, text, draw, sample):
        return super()._completion(text.replace("rude", "kind"), draw, sample)


def query(generator, target=None):
    return Query(target or FakeTarget(), generator, FakeEmbedding(), num_samples=8, sampling=SAMPLING, alpha=0.5)


def arm(number, instruction, kind="text"):
    return ScoredArm(number, 1, kind, instruction, Reward(0.5, 0.5, 0.5), chosen=number + 1)


def test_the_best_and_the_share_of_usable_answers_by_hand():
    # All eight answers to the first are the one `ask 0 : rude 0`; none to the second is rude.
    found = ask_again([arm(0, "generate rude same"), arm(1, "generate kind many")], query(FakeGenerator()), seed=1)
    assert (found.relevance, found.usable, found.n) == (1.0, 0.5, 16)
    assert found.score == pytest.approx(1 / (0.5 / 1e-3 + 0.5 / 1.0))  # no diversity at all


def test_an_answer_without_a_pair_is_not_usable():
    class Pairless(FakeTarget):
        def pairs(self, instruction, raw):
            return []

    found = ask_again([arm(0, "generate rude many")], query(FakeGenerator(), Pairless()), seed=1)
    assert (found.relevance, found.usable) == (1.0, 0.0)


def test_nothing_comes_of_a_model_that_forgot():
    found = ask_again([arm(0, "generate rude many"), arm(1, "generate mixed few")], query(Forgetful()), seed=1)
    assert found.usable < 0.5
    assert ask_again([arm(0, "generate rude many")], query(Forgetful()), seed=1).relevance == 0.0


def test_only_arms_with_words_are_asked():
    generator = FakeGenerator()
    found = ask_again([arm(0, None, "soft"), arm(1, "generate rude few", "soft")], query(generator), seed=1)
    assert [prompt for prompt, _ in generator.asked] == ["generate rude few"]
    assert found.n == 8
    nothing = ask_again([arm(0, None, "soft")], query(generator), seed=1)
    assert (nothing.score, nothing.relevance, nothing.usable, nothing.n) == (0.0, 0.0, 0.0, 0)


@pytest.fixture(scope="module")
def chat_lm(tmp_path_factory):
    return load_language_model(make_tiny_model(tmp_path_factory.mktemp("extraction") / "chat"))


@pytest.fixture
def saved(tmp_path, chat_lm):
    folder = tmp_path / "search"
    folder.mkdir()
    common = {"lm": chat_lm, "target": Words(), "seed": 5, "batch_size": 64}
    search(folder, settings(embedding="hidden-states"), generator=TransformersGenerator(chat_lm), **common)
    return folder


def test_a_new_search_and_the_saved_arms_are_both_asked_on_the_model_under_test(tmp_path, chat_lm, saved):
    generator = FakeGenerator()
    folder = tmp_path / "fresh"
    folder.mkdir()
    found = extract(
        folder,
        saved,
        settings(queries=4, rounds=1, arms="mixed", embedding="hidden-states"),
        lm=chat_lm,
        generator=generator,
        target=Words(),
        seed=7,
        batch_size=64,
    )
    assert set(found) == {"fresh", "saved"}
    played = read_arms(folder)
    assert len(played) == 3 + 4
    assert {item.kind for item in played} == {"text"}, "arms in words only"
    chosen = {item.instruction for item in read_arms(saved) if item.chosen}
    assert set(generator.calls[-1][1]) == chosen
    assert found["saved"].n == 6 * len(chosen)
    assert found["saved"].relevance == 0.0, "the fake model names no animal"


def test_run_again_it_asks_nothing_of_the_search_again_and_ends_with_the_same(tmp_path, chat_lm, saved):
    folder = tmp_path / "fresh"
    folder.mkdir()

    def once(generator):
        chosen = settings(queries=4, rounds=1)
        common = {"target": Words(), "seed": 7, "batch_size": 64}
        return extract(folder, saved, chosen, lm=chat_lm, generator=generator, **common)

    first, again = FakeGenerator(), FakeGenerator()
    assert once(first) == once(again)
    assert len(again.calls) == 2 < len(first.calls)
