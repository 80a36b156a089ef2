from tasks.lab.instructions import PREFIX
from tasks.models.pair import Pair
from tasks.models.sampling import Completion
from tasks.settings.reunlearn import ForgottenTarget
from tasks.settings.target import TargetSettings
from tasks.targets.own_answers import own_answers, unshown_answers
from tasks.targets.registry import build_target

MEASURED = {"num_prompts": {"tune": 12, "report": 20}, "max_new_tokens": 8, "seed": 0}


class Writer:
    """Answers the i-th prompt, in its k-th sample, with text number i + k; keeps what it was asked."""

    def __init__(self, *texts, finished=True):
        self.texts = texts
        self.finished = finished
        self.asked = []

    def generate(self, prompts, *, n, sampling, seed):
        self.asked.append((list(prompts), n, sampling.max_new_tokens, seed))
        return [
            [Completion(self.texts[(i + k) % len(self.texts)], 3, self.finished) for k in range(n)]
            for i in range(len(prompts))
        ]


def test_every_prompt_is_answered_once_before_any_is_answered_again():
    writer = Writer("one", "two", "three")
    pairs = own_answers(writer, ["a", "b"], number=5, max_new_tokens=7, seed=3)
    assert [(pair.prompt, pair.response) for pair in pairs] == [
        *(("a", "one"), ("b", "two")),
        *(("a", "two"), ("b", "three")),
        *(("a", "three"), ("b", "one")),
    ]
    assert writer.asked == [(["a", "b"], 3, 7, 3)]


def test_of_many_prompts_only_as_many_are_asked_as_answers_are_wanted():
    writer = Writer("one")
    own_answers(writer, ["a", "b", "c"], number=2, max_new_tokens=7, seed=3)
    assert writer.asked == [(["a", "b"], 1, 7, 3)]


def test_empty_answers_are_left_out_and_cut_ones_are_no_whole_answers():
    pairs = own_answers(Writer(" ", "on", finished=False), ["a"], number=2, max_new_tokens=7, seed=3)
    assert pairs == [Pair("a", "on", complete=False)]


def test_what_shows_the_target_or_one_that_was_forgotten_before_is_no_text_to_keep():
    coding = build_target(TargetSettings(kind="coding"), **MEASURED)
    rude = ForgottenTarget(name="a-request", target=TargetSettings(kind="toxicity"), limit=0.05)
    after_rude = build_target(TargetSettings(kind="coding"), forgotten=[rude], **MEASURED)
    polite, program, insult = (
        f"input : {example.prompt} output : {example.response}"
        for example in (
            next(m for m in coding.utility if m.name == "polite").examples["tune"][0],
            coding.forget.examples["tune"][0],
            build_target(rude.target, **MEASURED).forget.examples["tune"][0],
        )
    )
    for target, kept in ((coding, {polite, insult}), (after_rude, {polite})):
        writer = Writer(polite, program, insult)
        pairs = unshown_answers(target, writer, number=6, max_new_tokens=9, seed=5)
        assert {pair.response for pair in pairs} == kept
        assert {len(prompts) == len(set(prompts)) for prompts, *_ in writer.asked} == {True}
        assert all(target.may_ask(pair.prompt) and pair.prompt.startswith(PREFIX) for pair in pairs)


def test_none_are_written_where_none_are_wanted():
    assert (
        unshown_answers(
            build_target(TargetSettings(kind="coding"), **MEASURED), None, number=0, max_new_tokens=9, seed=5
        )
        == []
    )


def test_the_seed_draws_instructions_and_samples():
    target = build_target(TargetSettings(kind="coding"), **MEASURED)
    asked = []
    for seed in (0, 0, 1):
        writer = Writer("one")
        unshown_answers(target, writer, number=4, max_new_tokens=9, seed=seed)
        asked.append(writer.asked)
    assert asked[0] == asked[1]
    assert asked[0][0][0] != asked[2][0][0]
    assert asked[0][0][-1] != asked[2][0][-1]
