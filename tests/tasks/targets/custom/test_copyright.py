import pytest

from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.targets.custom.build import custom_target
from tasks.targets.custom.copyright import mean_span_share
from tasks.targets.custom.held_out import part_of

NUM_PROMPTS = {"tune": 9, "report": 30}
WORDS = [f"w{i}" for i in range(1000)]


def make_target(folder, words=WORDS, request="{opening}", end=" "):
    (folder / "text.txt").write_text(" ".join(words))
    (folder / "kept.txt").write_text("<|endoftext|>".join(f"other text {i}" for i in range(200)) + "<|endoftext|>")
    (folder / "target.yaml").write_text(
        f"form: copyright\ntext_file: text.txt\nretain_file: kept.txt\nrequest: '{request}'\n"
        "opening_words: 3\ncontinuation_words: 7\n"
    )
    return custom_target(folder / "target.yaml", num_prompts=NUM_PROMPTS, max_new_tokens=8, seed=0)


def test_passages_are_asked_or_held_out_and_never_both(tmp_path):
    target = make_target(tmp_path)
    held_out = [example for split in NUM_PROMPTS for example in target.forget.examples[split]]
    assert Pair("w0 w1 w2", " w3 w4 w5 w6 w7 w8 w9").prompt in [*target.grammar[0], *(e.prompt for e in held_out)]
    for example in held_out:
        assert not target.may_ask(example.prompt)
        first = int(example.prompt.split()[0][1:])
        assert example.response == " " + " ".join(WORDS[first + 3 : first + 10])
    assert all(target.may_ask(opening) for opening in target.grammar[0])
    assert len(target.forget.examples["tune"]) == 9  # of about 25
    assert {part_of(e.prompt, 4) for e in target.forget.examples["report"]} == {"report"}


def test_a_request_stands_around_the_opening(tmp_path):
    target = make_target(tmp_path, request="Go on: {opening}")
    example = target.forget.examples["tune"][0]
    assert example.prompt.startswith("Go on: w")
    assert not example.response.startswith(" ")


def test_the_metric_is_the_longest_run_that_is_said():
    examples = [Pair("a", " b c d e"), Pair("b", " c d e f")]
    assert mean_span_share(examples, [" b c x d e", ""]) == 0.25
    assert mean_span_share(examples, [" B, c d. E!", "so c d e f"]) == 1


def test_copied_runs_are_what_is_forgotten(tmp_path):
    target = make_target(tmp_path)
    raw = " well w5 w6 w7 w8 w9 w10 w99"
    assert target.relevance("w2 w3 w4", [raw, "w5 w6"]) == [6 / 8, 0]
    assert target.pairs("w2 w3 w4", raw) == [Pair("w2 w3 w4", "w5 w6 w7 w8 w9 w10", complete=False, given=" well ")]
    assert target.is_shown(Pair("", raw))
    assert not target.is_shown(Pair("", "quite another text"))


def test_a_text_too_short_to_measure_by_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"^text_file: 20 prompts, of which \d fall to the split .* too few"):
        make_target(tmp_path, WORDS[:200])


def test_a_text_that_is_none_is_refused(tmp_path):
    make_target(tmp_path)
    (tmp_path / "text.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"^text_file '.*text.txt' cannot be read \(it is not UTF-8\)"):
        custom_target(tmp_path / "target.yaml", num_prompts=NUM_PROMPTS, max_new_tokens=8, seed=0)
    with (tmp_path / "text.txt").open("wb") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(UserError, match="has more than 4 MiB"):
        custom_target(tmp_path / "target.yaml", num_prompts=NUM_PROMPTS, max_new_tokens=8, seed=0)
