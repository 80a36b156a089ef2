from pathlib import Path

import pytest

from tasks.settings.errors import UserError
from tasks.targets.custom.file import FORMS, read_target_file

EXAMPLES = Path(__file__).parents[4] / "deployments" / "targets"
SCORED = """
form: scored
instructions: [one, two]
scorer: {kind: phrases, phrases: [dog]}
"""


def write(folder, text):
    path = folder / "target.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", EXAMPLES.glob("*.yaml"), ids=lambda path: path.stem)
def test_shipped_examples_can_be_read(path):
    file = read_target_file(path)
    assert file.form == (path.stem if path.stem in FORMS else "scored")
    assert file.limits.goal is not None


def test_a_plain_list_of_instructions_is_one_slot(tmp_path):
    assert read_target_file(write(tmp_path, SCORED)).instructions == (("one", "two"),)
    slots = SCORED.replace("[one, two]", "[[a, b], [c, '']]")
    assert read_target_file(write(tmp_path, slots)).instructions == (("a", "b"), ("c", ""))


def test_paths_are_relative_to_the_file_and_count_by_what_they_hold(tmp_path):
    (tmp_path / "kept.txt").write_text("keep this")
    path = write(tmp_path, SCORED + "retain_file: kept.txt\n")
    file = read_target_file(path)
    assert file.retain_file == str(tmp_path / "kept.txt")
    before = file.digests()
    assert before.keys() == {"custom_file.retain_file"}
    (tmp_path / "kept.txt").write_text("keep that")
    assert read_target_file(path).digests() != before


def test_the_code_of_a_function_counts_by_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "custom_scorer_module.py").write_text("def score(prompts, responses): return [0.0] * len(responses)\n")
    text = SCORED.replace("{kind: phrases, phrases: [dog]}", "{kind: function, function: 'custom_scorer_module:score'}")
    assert read_target_file(write(tmp_path, text)).digests().keys() == {"custom_file.scorer.function"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: the file is empty"),
        ("[]", "line 1: form is missing; give one of scored, copyright, bias, prompt-leak"),
        ("a: 1\nform: other\n", "line 2: form is 'other'; give one of"),
        ("form: [scored]\n", r"line 1: form is \['scored'\]"),
        ("form: {a: b}\n", "line 1: form is"),
        (SCORED + "rubric: x\n", "line 5: rubric is no field of a target"),
        (SCORED.replace("phrases: [dog]", "phrases: dog"), "line 4: scorer.phrases cannot be used"),
        (SCORED.replace("phrases: [dog]", ""), "line 4: scorer cannot be used: .* needs phrases"),
        (SCORED.replace("kind: phrases", "kind: regex"), "line 4: scorer.kind cannot be used"),
        (
            SCORED.replace("phrases: [dog]", "phrases: [dog], pattern: x"),
            "line 4: scorer cannot be used: pattern is set",
        ),
        (SCORED.replace("[one, two]", "[one, [two]]"), "line 3: instructions.0 cannot be used"),
        (SCORED + "threshold: 0\n", "line 5: threshold cannot be used"),
        (SCORED + "threshold: .nan\n", "line 5: threshold cannot be used"),
        (SCORED + "limits: {goal: 2}\n", "line 5: limits.goal cannot be used"),
        (SCORED + "limits: {goals: 1}\n", "line 5: limits.goals is no field"),
        (SCORED + "x: &a [*a]\n", "aliases"),
        (SCORED + "x: !!python/object/apply:os.system [true]\n", "tags"),
        (SCORED + "form: scored\n", "'form' is given twice"),
        ("form: bias\nwords: [he, she]\n", "cannot be used: field required"),
        ("form: copyright\ntext_file: a\nrequest: Go on.\nretain_file: b\n", "has no {opening} in it"),
        ("form: copyright\ntext_file: a\n", "needs retain_file or retain_prompts"),
        (
            "form: scored\ninstructions: [a]\nscorer: {kind: judge, url: u, rubric: r, max_calls: 1, max_cost: 1}\n",
            "max_cost is set, but neither input_price nor output_price",
        ),
        ("form: scored\ninstructions: [a]\nscorer: {kind: judge, url: u, rubric: r}\n", "needs max_calls"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(tmp_path, text, sentence):
    with pytest.raises(UserError, match=sentence) as refused:
        read_target_file(write(tmp_path, text))
    assert str(refused.value).startswith("target.yaml, line ")
    assert str(refused.value).endswith(".")


def test_a_missing_file_and_a_huge_one_are_told(tmp_path):
    with pytest.raises(UserError, match=r"^none.yaml, line 1: there is no such file\.$"):
        read_target_file(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="larger than 64 KiB"):
        read_target_file(write(tmp_path, SCORED + "#" * 70_000))
