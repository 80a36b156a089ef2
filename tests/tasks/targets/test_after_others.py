from tasks.models.pair import Pair
from tasks.settings.reunlearn import ForgottenTarget
from tasks.settings.target import TargetSettings
from tasks.targets.registry import build_target

NUM_PROMPTS = {"tune": 12, "report": 20}
MEASURED = {"num_prompts": NUM_PROMPTS, "max_new_tokens": 8, "seed": 0}
RUDE = ForgottenTarget(name="a-request", target=TargetSettings(kind="toxicity"), limit=0.05)
INSTRUCTIONS = [[f"opening {i}" for i in range(40)], [f"and {i}" for i in range(40)]]
DOGS = TargetSettings(kind="custom", phrases=["dog"], instructions=INSTRUCTIONS)
FACTS = ForgottenTarget(name="another", target=TargetSettings(kind="facts"), limit=0.05)


def names(metrics):
    return [metric.name for metric in metrics]


def test_what_was_forgotten_is_watched_and_no_skill_to_keep():
    alone = build_target(TargetSettings(kind="person"), **MEASURED)
    after = build_target(TargetSettings(kind="person"), forgotten=[RUDE, FACTS], **MEASURED)
    assert set(names(alone.utility)) - set(names(after.utility)) == {"rude", "facts_forget"}
    assert names(after.observed) == [*names(alone.observed), RUDE.watched_as, FACTS.watched_as]
    watched = after.observed[-2]
    answers = [example.response for example in watched.examples["tune"]]
    assert watched.score(watched.examples["tune"], answers) == 1
    assert names([after.forget]) == names([alone.forget])
    assert after.primary == alone.primary


def test_nothing_that_shows_it_is_trained_on_to_be_kept():
    rude = build_target(TargetSettings(kind="toxicity"), **MEASURED)
    alone = build_target(TargetSettings(kind="person"), **MEASURED).retain_set(None, size=400, seed=0)
    after = build_target(TargetSettings(kind="person"), forgotten=[RUDE], **MEASURED).retain_set(None, size=400, seed=0)
    shown = [pair for pair in alone.train if rude.is_shown(pair)]
    assert shown
    assert [pair for pair in alone.train if pair not in shown] == list(after.train)
    assert {split: len(pairs) for split, pairs in after.held_out.items()} == NUM_PROMPTS


def test_phrases_that_were_forgotten_are_told_in_prompts_and_responses():
    target = build_target(DOGS, **MEASURED)
    assert target.is_shown(Pair("tell of a dog", "no"))
    assert target.is_shown(Pair("tell", "a Dog"))
    assert not target.is_shown(Pair("tell", "a doggerel"))


def test_two_lists_of_phrases_are_told_apart_by_request():
    settings = TargetSettings(kind="custom", phrases=("cat",), instructions=INSTRUCTIONS, retain_file="/nowhere")
    forgotten = ForgottenTarget(name="forget-cats", target=settings, limit=0.1)
    target = build_target(DOGS, forgotten=[forgotten], **MEASURED)
    assert names(target.observed) == ["forgotten before: forget-cats"]
    cats = target.observed[0]
    assert cats.score(cats.examples["tune"], ["a cat"] * 12) == 1
    assert cats.score(cats.examples["tune"], ["a dog"] * 12) == 0


def test_the_search_may_ask_what_the_target_may_be_asked_but_nothing_that_measures_the_others():
    alone = build_target(DOGS, **MEASURED)
    after = build_target(DOGS, forgotten=[RUDE], **MEASURED)
    asked = [f"opening {i} and {k}" for i in range(40) for k in range(40)]
    assert [after.may_ask(text) for text in asked] == [alone.may_ask(text) for text in asked]
    person = build_target(TargetSettings(kind="person"), forgotten=[RUDE], **MEASURED)
    assert not any(person.may_ask(example.prompt) for example in after.observed[0].examples["report"])
