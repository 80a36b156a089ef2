import json

import pytest

from tasks.lab.splits import split_of
from tasks.models.pair import Pair
from tasks.models.sampling import Completion
from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings
from tasks.targets.custom.build import custom_target
from tasks.targets.registry import build_target
from tests.tasks.models.fake_server import fake_server

MEASURED = {"num_prompts": {"tune": 12, "report": 20}, "max_new_tokens": 8, "seed": 0}
SLOTS = [[f"opening {i}" for i in range(40)], [f"and {i}" for i in range(40)]]
PATTERN = "{kind: pattern, pattern: '(?i)dogs?'}"


def write(folder, scorer=PATTERN, instructions=SLOTS, more=""):
    path = folder / "target.yaml"
    path.write_text(f"form: scored\ninstructions: {instructions}\nscorer: {scorer}\n{more}\n")
    return path


class Writer:
    """Writes a cat for prompts of even length, a dog for the others."""

    def generate(self, prompts, *, n, sampling, seed):
        return [[Completion(f" a {'dog' if len(p) % 2 else 'cat'} {k}", 3, True) for k in range(n)] for p in prompts]


def test_the_setting_names_the_file(tmp_path):
    settings = TargetSettings(kind="custom", custom_file=str(write(tmp_path)))
    target = build_target(settings, **MEASURED)
    assert target.relevance("", ["a DOG", "a cat"]) == [1, 0]
    assert "custom_file" not in settings.told
    assert settings.files == {"custom_file": str(tmp_path / "target.yaml")}


def test_what_is_said_twice_is_refused(tmp_path):
    settings = TargetSettings(kind="custom", custom_file=str(write(tmp_path)), phrases=("dog",))
    with pytest.raises(UserError, match=r"^target.phrases is set, and so is target.custom_file"):
        build_target(settings, **MEASURED)


def test_places_are_forgotten_given_what_stands_before_them(tmp_path):
    target = custom_target(write(tmp_path), **MEASURED)
    assert target.pairs("Once", " a dog saw Dogs.") == [
        Pair("Once", "dog", complete=False, given=" a "),
        Pair("Once", "Dogs", complete=False, given=" a dog saw "),
    ]


def test_a_pattern_that_only_looks_ahead_takes_the_words_that_it_needs(tmp_path):
    target = custom_target(write(tmp_path, "{kind: pattern, pattern: '^(?=.*dog)(?=.*cat)'}"), **MEASURED)
    assert target.pairs("Once", "Here a dog saw a cat sit.") == [
        Pair("Once", "dog saw a cat", complete=False, given="Here a ")
    ]


def test_instructions_are_held_out_where_no_prompts_are_given(tmp_path):
    target = custom_target(write(tmp_path), **MEASURED)
    for split, number in MEASURED["num_prompts"].items():
        prompts = [example.prompt for example in target.forget.examples[split]]
        assert len(set(prompts)) == number
        assert {split_of(prompt) for prompt in prompts} == {split}
        assert not any(target.may_ask(prompt) for prompt in prompts)


def test_prompts_are_parted_by_a_hash_and_never_asked(tmp_path):
    prompts = [f"tell me {i}" for i in range(60)]
    target = custom_target(write(tmp_path, instructions=["ask a", "tell me 3"], more=f"prompts: {prompts}"), **MEASURED)
    tune, report = ({e.prompt for e in target.forget.examples[split]} for split in ("tune", "report"))
    assert (len(tune), len(report)) == (12, 20)
    assert not tune & report
    assert tune | report <= set(prompts)
    assert target.may_ask("ask a")
    assert not target.may_ask("tell me 3")


def test_prompts_may_come_from_a_file(tmp_path):
    (tmp_path / "asked.jsonl").write_text("\n".join(f'{{"prompt": "tell me {i}"}}' for i in range(60)))
    target = custom_target(write(tmp_path, more="prompts_file: asked.jsonl"), **MEASURED)
    assert target.forget.examples["tune"][0].prompt.startswith("tell me ")
    assert not target.may_ask("tell me 3")


def test_the_metric_is_the_share_of_answers_that_count(tmp_path):
    metric = custom_target(write(tmp_path), **MEASURED).forget
    assert metric.score(metric.examples["tune"][:4], ["a dog", "a cat", "dogs", ""]) == 0.5
    assert metric.temperature == 1


def test_held_out_answers_of_the_retain_file_are_a_kept_skill_without_what_shows_the_target(tmp_path):
    rows = [{"prompt": f"ask {i}", "response": f"a {'dog' if i % 3 == 0 else 'cat'} {i}"} for i in range(1000)]
    (tmp_path / "kept.jsonl").write_text("\n".join(map(json.dumps, rows)))
    target = custom_target(write(tmp_path, more="retain_file: kept.jsonl"), **MEASURED)
    [kept] = target.utility
    assert {split: len(examples) for split, examples in kept.examples.items()} == {"tune": 12, "report": 20}
    examples = [example for split in kept.examples.values() for example in split]
    assert all("cat" in example.response for example in examples)
    assert kept.score(examples, [example.response for example in examples]) == 1
    retain = target.retain_set(None, size=100, seed=0)
    assert not set(examples) & set(retain.train)
    assert custom_target(write(tmp_path), **MEASURED).utility == ()


def test_a_function_is_run_when_it_is_first_asked_and_finds_places_or_the_whole_response(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "graded_scorer.py").write_text(
        "open('was-run', 'w')\ndef score(prompts, responses): return [min(1, r.count('x') / 4) for r in responses]\n"
    )
    scorer = "{kind: function, function: 'graded_scorer:score'}"
    target = custom_target(write(tmp_path, scorer, more="threshold: 0.5"), **MEASURED)
    assert not (tmp_path / "was-run").exists()
    assert target.relevance("ask", ["x", "xx", "xxxxx"]) == [0, 0.5, 1]
    assert target.pairs("ask", "a xxx. b") == [Pair("ask", "xxx", complete=False, given="a ")]
    assert target.pairs("ask", "a x. an x.") == [Pair("ask", "a x. an x.")]
    assert target.pairs("ask", "x") == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [("raise RuntimeError(responses)", "RuntimeError"), ("return [float('nan')] * len(responses)", "nan")],
)
def test_a_scorer_that_fails_is_told_in_a_sentence(tmp_path, monkeypatch, body, sentence):
    monkeypatch.chdir(tmp_path)
    name = f"failing_scorer_{sentence.lower()}"
    (tmp_path / f"{name}.py").write_text(f"def score(prompts, responses): {body}\n")
    target = custom_target(write(tmp_path, f"{{kind: function, function: '{name}:score'}}"), **MEASURED)
    with pytest.raises(UserError, match=sentence) as refused:
        target.relevance("ask", ["secret words"])
    assert "secret" not in str(refused.value)


def test_a_judge_judges_each_text_once(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with fake_server() as server:
        server.chat = lambda message: "0.75" if "dog" in message else "no"
        scorer = f"{{kind: judge, url: '{server.url}', rubric: 'Is there a dog?', max_calls: 5}}"
        target = custom_target(write(tmp_path, scorer), **MEASURED)
        assert server.bodies == []
        assert target.relevance("ask", ["a dog", "a cat", "a dog"]) == [0.75, 0, 0.75]
        assert target.pairs("ask", "a dog") == [Pair("ask", "dog", complete=False, given="a ")]
        assert len(server.bodies) == 4, "two responses, two words"
        with pytest.raises(UserError, match=r"scorer.max_calls is 5"):
            target.relevance("ask", ["two more", "responses"])


def test_without_a_file_what_the_model_answers_is_kept(tmp_path):
    retain = custom_target(write(tmp_path), **MEASURED).retain_set(Writer(), size=40, seed=1)
    everything = [*retain.train, *retain.held_out["tune"], *retain.held_out["report"]]
    assert 20 <= len(retain.train) <= 40
    assert all("cat" in pair.response for pair in everything)


def test_a_file_is_kept_without_what_shows_the_target(tmp_path):
    passages = [f"Story {i} of a {'dog' if i % 3 == 0 else 'hen'}." for i in range(300)]
    (tmp_path / "kept.txt").write_text("<|endoftext|>".join([*passages, ""]))
    target = custom_target(write(tmp_path, more="retain_file: kept.txt"), **MEASURED)
    retain = target.retain_set(Writer(), size=75, seed=1)
    everything = [*retain.train, *retain.held_out["tune"], *retain.held_out["report"]]
    assert len(retain.train) == 75
    assert all("hen" in pair.response for pair in everything)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"instructions": ["only one"]}, "^instructions makes 1 instructions"),
        ({"more": "prompts: [a, b, c]"}, r"^prompts: 3 prompts, of which \d fall to the split tune"),
        ({"more": "prompts: [a]\nprompts_file: b.csv"}, "both given"),
        ({"more": "prompts_file: b.csv"}, "^prompts_file is .*b.csv'"),
        ({"more": "retain_file: none.txt"}, "none.txt' cannot be read"),
        ({"scorer": "{kind: pattern, pattern: '['}"}, "unterminated character set"),
        ({"scorer": "{kind: phrases, phrases: [' ']}"}, "list of phrases is empty"),
    ],
)
def test_what_cannot_be_used_is_refused_before_any_work(tmp_path, arguments, sentence):
    with pytest.raises(UserError, match=sentence):
        custom_target(write(tmp_path, **arguments), **MEASURED)


def test_prompts_that_are_all_the_instructions_leave_none_to_ask(tmp_path):
    prompts = [f"tell me {i}" for i in range(60)]
    file = write(tmp_path, instructions=prompts[:3], more=f"prompts: {prompts}")
    with pytest.raises(UserError, match="instructions leave none that may be asked"):
        build_target(TargetSettings(kind="custom", custom_file=str(file)), **MEASURED)
