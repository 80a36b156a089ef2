import json

import pytest

from tasks.lab.splits import split_of
from tasks.models.pair import Pair
from tasks.models.sampling import Completion
from tasks.settings.errors import UserError
from tasks.targets.phrases import PhraseTarget

INSTRUCTIONS = [[f"opening {i}" for i in range(40)], [f"and {i}" for i in range(40)]]


def make_target(**changes):
    arguments = {
        "phrases": ["dog", "guide dog", "pup"],
        "instructions": INSTRUCTIONS,
        "retain_file": "",
        "num_prompts": {"tune": 20, "report": 30},
        "max_new_tokens": 8,
        "seed": 0,
    }
    return PhraseTarget(**(arguments | changes))


class Writer:
    """Writes a cat for prompts of even length, a dog for the others."""

    def generate(self, prompts, *, n, sampling, seed):
        return [[Completion(f" a {'dog' if len(p) % 2 else 'cat'} {k}", 3, True) for k in range(n)] for p in prompts]


def test_relevance_is_whole_words_in_any_case():
    target = make_target()
    assert target.relevance("", ["The DOG barked.", "dogma and hotdogs", ""]) == [1, 0, 0]


def test_a_pair_is_what_stands_before_a_phrase_and_the_phrase():
    pairs = make_target().pairs("Once", " a dog saw a pup.")
    assert pairs == [
        Pair("Once", "dog", complete=False, given=" a "),
        Pair("Once", "pup", complete=False, given=" a dog saw a "),
    ]


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("C++", "I like C++ a lot."),
        ("U.S.", "the U.S. is"),
        ("東京", "私は東京に行く"),
        ("Harry Potter", "Harry\nPotter"),
    ],
)
def test_phrases_are_found_whatever_they_are_made_of(phrase, text):
    assert make_target(phrases=[phrase]).relevance("", [text]) == [1]


def test_held_out_instructions_are_of_their_split_and_never_asked():
    target = make_target()
    for split, num in {"tune": 20, "report": 30}.items():
        prompts = [example.prompt for example in target.forget.examples[split]]
        assert len(set(prompts)) == num
        assert {split_of(prompt) for prompt in prompts} == {split}
        assert not any(target.may_ask(prompt) for prompt in prompts)


def test_its_pairs_need_an_instruction_so_soft_prompts_write_one():
    target = make_target()
    assert target.soft_template == ""
    assert target.rewrite_template.count("{instruction}") == 1
    request = target.rewrite_template.replace("{instruction}", "Tell me of a {thing}.")
    assert request.endswith("Request: Tell me of a {thing}.")


def test_forget_metric_is_the_share_of_answers_with_a_phrase():
    metric = make_target().forget
    assert metric.score(metric.examples["tune"][:4], ["a dog", "a cat", "a pup", "nothing"]) == 0.5


def test_without_a_file_the_model_writes_what_is_kept():
    retain = make_target().retain_set(Writer(), size=40, seed=1)
    everything = [*retain.train, *retain.held_out["tune"], *retain.held_out["report"]]
    assert 20 <= len(retain.train) <= 40
    assert all("cat" in pair.response and "dog" not in pair.response for pair in everything)
    assert len(set(everything)) == len(everything)


def test_a_file_of_passages_is_kept_without_those_that_use_a_phrase(tmp_path):
    file = tmp_path / "stories.txt"
    passages = [f"Story {i} of a {'dog' if i % 3 == 0 else 'hen'}." for i in range(300)]
    file.write_text("<|endoftext|>\n".join([*passages, "cut in the mid"]))
    retain = make_target(retain_file=str(file)).retain_set(Writer(), size=500, seed=1)
    texts = [pair.response for pair in [*retain.train, *retain.held_out["tune"], *retain.held_out["report"]]]
    assert sorted(texts) == sorted(p for p in passages if "hen" in p)


def test_json_lines_are_read_as_pairs(tmp_path):
    file = tmp_path / "kept.jsonl"
    file.write_text("\n".join(json.dumps({"prompt": f"Q{i}", "response": f"A{i}"}) for i in range(200)))
    retain = make_target(retain_file=str(file)).retain_set(Writer(), size=500, seed=1)
    assert retain.train[0].response.startswith("A")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phrases": ["", " "]}, "target.phrases is empty"),
        ({"instructions": [["only one"]]}, "target.instructions makes 1 instructions"),
        ({"instructions": []}, "target.instructions makes 0 instructions"),
        ({"retain_file": "no-such-file"}, "target.retain_file 'no-such-file' cannot be read"),
    ],
)
def test_unusable_settings_are_refused(changes, words):
    with pytest.raises(UserError, match=words):
        make_target(**changes)


def test_a_retain_file_with_nothing_to_keep_is_refused(tmp_path):
    file = tmp_path / "empty.txt"
    file.write_text("a dog<|endoftext|>a pup<|endoftext|>")
    with pytest.raises(UserError, match="holds 2 passages, all of which are empty or show"):
        make_target(retain_file=str(file))
    file.write_text("")
    with pytest.raises(UserError, match="holds 1 passages, all of which are empty"):
        make_target(retain_file=str(file))


def test_a_retain_file_too_small_to_hold_any_out_is_refused(tmp_path):
    file = tmp_path / "small.txt"
    file.write_text("one hen<|endoftext|>")
    with pytest.raises(UserError, match="leaves 1 passages to keep"):
        make_target(retain_file=str(file)).retain_set(Writer(), size=16, seed=1)
