import json

import pytest

from tasks.models.language_model import load_language_model
from tasks.models.pair import Pair
from tasks.models.sampling import Sampling
from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings
from tasks.store.seeds import derive_seed
from tasks.targets.after_others import AfterOthers
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.detox import target as module
from tasks.targets.detox.instructions import GRAMMAR
from tasks.targets.detox.target import DetoxTarget
from tasks.targets.registry import build_target
from tasks.targets.scorers.spec import ScorerSpec
from tests.tiny_model import make_tiny_model

PROMPTS = [f"what do you say about cake {i} ?" for i in range(60)]
RETAIN = [
    {"prompt": f"name river {i}", "response": f"{'soggy ' * 5 if i % 5 == 0 else ''}river {i}"} for i in range(100)
]


def soggy(prompts, responses):
    """Two tenths for each "soggy"."""
    return [min(1.0, 0.2 * response.split().count("soggy")) for response in responses]


@pytest.fixture
def make_target(tmp_path, monkeypatch):
    (tmp_path / "prompts.jsonl").write_text("\n".join(json.dumps({"prompt": prompt}) for prompt in PROMPTS))
    (tmp_path / "retain.jsonl").write_text("\n".join(map(json.dumps, RETAIN)))
    monkeypatch.setattr(module, "open_scorer", lambda spec, device: soggy)

    def make(**changes) -> DetoxTarget:
        arguments = {
            "scorer": ScorerSpec(kind="detoxify-original"),
            "prompts_file": str(tmp_path / "prompts.jsonl"),
            "instructions": (),
            "retain_file": str(tmp_path / "retain.jsonl"),
            "samples": 3,
            "num_prompts": {"tune": 12, "report": 16},
            "device": "cpu",
        }
        return DetoxTarget(**(arguments | changes))

    return make


def example(said: str, reply: str) -> str:
    return f"Input: {said}\nOutput: {reply}\n"


def test_relevance_is_the_mean_toxicity_of_the_replies_and_0_for_harmless_or_other_text(make_target):
    raws = [
        example("hello", "soggy soggy soggy"),
        example("hello", "soggy soggy soggy soggy") + example("bye", "soggy soggy"),
        example("soggy soggy soggy", "river"),
        "soggy soggy soggy",
        "",
        example("hello", "soggy") + example("bye", "river") + example("and", "river"),
    ]
    assert make_target().relevance("", raws) == pytest.approx([0.6, 0.6, 0, 0, 0, 0])


def test_pairs_are_what_is_said_and_its_toxic_reply(make_target):
    raw = example("hello", "soggy soggy soggy") + example("bye", "soggy") + example("and", "soggy " * 5)
    assert make_target().pairs("Write an example.", raw) == [
        Pair("hello", "soggy soggy soggy"),
        Pair("and", ("soggy " * 5).strip()),
    ]


def test_to_instructions_of_ones_own_the_whole_answer_is_the_reply(make_target):
    target = make_target(instructions=(("Say",), ("this", "that")))
    assert target.grammar == (("Say",), ("this", "that"))
    assert target.relevance("Say this", ["soggy " * 4, "river", " "]) == pytest.approx([0.8, 0, 0])
    assert target.pairs("Say this", "soggy soggy soggy") == [Pair("Say this", "soggy soggy soggy")]
    assert target.pairs("Say this", "soggy") == []


def test_the_forget_metric_is_mean_toxicity_and_the_splits_share_no_prompt(make_target):
    target = make_target()
    examples = target.forget.examples
    assert {split: len(those) for split, those in examples.items()} == {"tune": 12, "report": 16}
    assert not {e.prompt for e in examples["tune"]} & {e.prompt for e in examples["report"]}
    assert target.forget.score(examples["tune"][:2], ["soggy soggy", "river"]) == pytest.approx(0.2)


def test_a_longer_file_moves_no_prompt_to_the_other_split(make_target, tmp_path):
    before = make_target().forget.examples
    more = [*PROMPTS, *(f"more {i}" for i in range(60))]
    (tmp_path / "more.jsonl").write_text("\n".join(json.dumps({"prompt": prompt}) for prompt in more))
    assert make_target(prompts_file=str(tmp_path / "more.jsonl")).forget.examples == before


def test_held_out_prompts_are_never_asked(make_target):
    target = make_target()
    assert not any(map(target.may_ask, PROMPTS))
    assert target.may_ask(" ".join(filter(None, (slot[0] for slot in GRAMMAR))))


def test_the_retain_set_is_the_file_without_what_is_toxic(make_target):
    retain = make_target().retain_set(None, size=40, seed=0)
    pairs = [*retain.train, *retain.held_out["tune"], *retain.held_out["report"]]
    assert pairs
    assert not any("soggy" in pair.response for pair in pairs)
    target = make_target()
    assert target.is_shown(Pair("", "soggy soggy soggy"))
    assert not target.is_shown(Pair("soggy soggy soggy", "soggy"))


def test_harmless_held_out_answers_of_the_retain_file_are_a_skill_to_keep(make_target):
    target = make_target()
    (kept,) = target.utility
    held_out = {pair for pairs in target.retain_set(None, size=40, seed=0).held_out.values() for pair in pairs}
    for split, most in (("tune", 12), ("report", 16)):
        examples = kept.examples[split]
        assert 0 < len(examples) <= most
        assert set(examples) <= held_out
        assert kept.score(examples, [example.response for example in examples]) == 1
        assert kept.score(examples, ["no"] * len(examples)) == 0
    assert make_target(retain_file="").utility == ()


def test_no_scorer_is_opened_to_make_the_target_after_others(make_target, monkeypatch):
    monkeypatch.setattr(module, "open_scorer", None)
    AfterOthers(make_target(), {})


def samples_of(checkpoint, target, k):
    """As RealToxicityPrompts draws them: temperature 1, from a nucleus of 0.9."""
    completions = checkpoint.generator.generate(
        [example.prompt for example in target.forget.examples["report"]],
        n=k,
        sampling=Sampling(max_new_tokens=checkpoint.max_new_tokens, temperature=1.0, top_p=0.9),
        seed=derive_seed(checkpoint.seed, "samples"),
    )
    return [[completion.text for completion in those] for those in completions]


def test_details_are_of_the_checkpoints_answers_and_of_several_samples(make_target, tmp_path):
    lm = load_language_model(make_tiny_model(tmp_path / "model", vocab_words=["soggy", "river", "sorry"]))
    target = make_target()
    checkpoint = Checkpoint(lm, batch_size=16, max_new_tokens=8, seed=1)
    details = target.details(checkpoint, "report")
    answers = checkpoint.answers(target.forget, "report")
    scores = soggy(answers, answers)
    numbers = {name: detail.value for name, detail in details.numbers.items()}
    assert numbers["share above 0.5"] == sum(score > 0.5 for score in scores) / 16
    assert numbers["share above 0.8"] == sum(score > 0.8 for score in scores) / 16
    assert set(numbers) == {
        "share above 0.5", "share above 0.8", "expected maximum toxicity of 3", "probability of a toxic one of 3",
        "refusals", "distinct-1", "distinct-2", "distinct-3",
    }  # fmt: skip
    assert (
        numbers["expected maximum toxicity of 3"] >= target.forget.score(target.forget.examples["report"], answers) / 2
    )
    assert all(0 <= value <= 1 for value in numbers.values())
    assert all(detail.n == 16 for detail in details.numbers.values())
    assert [(pair.prompt, pair.response) for pair in details.written] == [
        (example.prompt, answer)
        for example, answer in zip(target.forget.examples["report"], answers, strict=True)
        if answer.strip()
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompts_file": ""}, r"^target\.prompts_file is empty; give prompts that toxic answers"),
        (
            {"num_prompts": {"tune": 12, "report": 50}},
            r"^measure\.report_prompts is 50; target\.prompts_file has \d+",
        ),
        ({"retain_file": "nowhere.jsonl"}, r"^target\.retain_file 'nowhere\.jsonl' cannot be read"),
    ],
)
def test_what_cannot_be_used_is_told_before_any_scorer_is_opened(make_target, monkeypatch, changes, words):
    monkeypatch.setattr(module, "open_scorer", None)
    with pytest.raises(UserError, match=words):
        make_target(**changes)


def test_without_anything_to_keep_the_sentence_says_so(make_target):
    with pytest.raises(UserError, match=r"^target\.retain_file "):
        make_target(retain_file="").retain_set(None, size=40, seed=0)


def test_settings_make_the_target_and_what_does_not_fit_is_one_sentence(make_target, tmp_path):
    files = {"prompts_file": str(tmp_path / "prompts.jsonl"), "retain_file": str(tmp_path / "retain.jsonl")}

    def built(**settings):
        return build_target(
            TargetSettings(**({"kind": "detox"} | files | settings)),
            num_prompts={"tune": 8, "report": 8},
            max_new_tokens=8,
            seed=0,
        )

    make_target()
    assert built().relevance("", [example("hello", "soggy soggy soggy")]) == pytest.approx([0.6])
    for settings, words in (
        (
            {"scorer": "function"},
            r"^target\.scorer is function, which does not fit .* needs function\.$",
        ),
        ({"scorer_function": "a:b"}, r"^target\.scorer is detoxify-original, .* function is set, but"),
        ({"phrases": ["soggy"]}, r"^target\.phrases is set, but target\.kind is detox"),
        ({"kind": "code", "samples": 3}, r"^target\.(prompts_file|samples) is set, but target\.kind is code"),
    ):
        with pytest.raises(UserError, match=words):
            built(**settings)


def test_the_instructions_are_many_and_name_the_form_of_an_example():
    assert all("Input:" in form and "Output:" in form for form in GRAMMAR[-1])
    assert [len(slot) for slot in GRAMMAR] == [6, 5, 8, 12, 4, 2]
