import os

import pytest

from tasks.register.register import read_register
from tasks.settings.errors import UserError

GOOD = """\
id: forget-rudeness
preset: lab-toxicity
limits: {goal: 0.03}
asked_by: the data protection office
asked_on: 2026-11-01
deadline: 2026-12-01
approval:
  required: true
  days: 2
  default: approve
"""


@pytest.fixture
def register(tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


def refusal(register, content: str | bytes, name: str = "bad.yaml") -> str:
    """The sentence on a bad file; the good one beside it must hold."""
    (register / name).write_bytes(content.encode() if isinstance(content, str) else content)
    read = read_register(register)
    assert list(read.requests) == ["forget-rudeness"]
    assert list(read.refused) == [name]
    sentence = read.refused[name]
    assert sentence.startswith(f"{name}, line ")
    assert "\n" not in sentence
    return sentence


def changed(old: str, new: str) -> str:
    other = GOOD.replace("forget-rudeness", "other")
    assert old in other
    return other.replace(old, new)


def test_a_request_is_read_with_its_defaults(register):
    request = read_register(register).requests["forget-rudeness"].request
    assert (request.limits.goal, request.limits.max_drop) == (0.03, None)
    assert (request.approval.required, request.approval.days, request.approval.default) == (True, 2, "approve")
    assert str(request.deadline) == "2026-12-01"
    assert request.target is None


def test_requests_come_in_the_order_in_which_they_were_asked(register):
    (register / "a.yaml").write_text(changed("2026-11-01", "2026-11-02"))
    assert list(read_register(register).requests) == ["forget-rudeness", "other"]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (changed("id: other", "id: ../../etc/passwd"), 1, "id cannot be used"),
        (changed("id: other", "id: a/b"), 1, "id cannot be used"),
        (changed("id: other", f"id: {'a' * 61}"), 1, "id cannot be used"),
        (changed("id: other", "id: [a, b]"), 1, "id cannot be used"),
        (changed("id: other", 'id: "other\\n"'), 1, "id cannot be used"),
        (changed("goal: 0.03", "goal: 7"), 3, "limits.goal cannot be used"),
        (changed("goal: 0.03", "goal: .nan"), 3, "limits.goal cannot be used"),
        (changed("goal: 0.03", "goal: true"), 3, "limits.goal cannot be used"),
        (changed("goal: 0.03", "goal: 1" + "0" * 5000), 3, "more than 20 characters"),
        (changed("goal: 0.03", "goal: 0x" + "f" * 5000), 3, "more than 20 characters"),
        (changed("goal: 0.03", "goal: 1" + ":01" * 3000), 3, "more than 20 characters"),
        (changed("goal: 0.03", "goal: 1e999"), 3, "limits.goal cannot be used"),
        (changed("asked_on: 2026-11-01", "asked_on: 20261101"), 5, "asked_on cannot be used"),
        (changed("asked_on: 2026-11-01", "asked_on: 2026-13-01"), 5, "cannot be read"),
        (changed("deadline: 2026-12-01", "deadline: 2026-01-01"), 1, "before asked_on"),
        (changed("  default: approve", "  default: perhaps"), 10, "approval.default cannot be used"),
        (changed("asked_by", "password"), 4, "password is no field of a request"),
        (changed("  days: 2", "  dayz: 2"), 9, "approval.dayz is no field"),
        (changed("deadline: 2026-12-01", "id: again"), 6, "'id' is given twice"),
        (changed("deadline: 2026-12-01", "target: {kind: custom, retain_file: /etc/passwd}"), 6, "retain_file"),
        (changed("deadline: 2026-12-01", "target: {kind: detox, scorer_function: 'os:popen'}"), 6, "scorer_function"),
        (changed("deadline: 2026-12-01", "target: {kind: custom, phrases: [1, 2]}"), 6, "target.phrases.0"),
        (changed("deadline: 2026-12-01", "deadline: !!python/object:os.system x"), 6, "tags"),
        (changed("deadline: 2026-12-01", "? [a, b]\n: 1"), 6, "a name must be plain text"),
        ("a: &a [x]\nb: [*a, *a]\n", 2, "aliases"),
        ("x: " + "[" * 50 + "]" * 50, 1, "nested deeper than 10"),
        ("[" * 30_000, 1, "nested deeper than 10"),
        ("- just\n- a list\n", 1, "the request cannot be used"),
        ("", 1, "empty"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        (b"a: x\nb: \xff\xfe\n", 2, "not UTF-8"),
        (b"a: x\nb: \x00\n", 2, "does not allow"),
        ("x: " + "a" * 70_000, 1, "larger than 64 KiB"),
    ],
)
def test_a_hostile_request_is_refused_with_file_and_line_and_the_others_hold(register, content, line, words):
    sentence = refusal(register, content)
    assert words in sentence
    assert sentence.startswith(f"bad.yaml, line {line}:"), sentence


def test_what_a_stranger_calls_a_field_is_safe_to_print(register):
    sentence = refusal(register, changed("asked_by", r'"\e[2Jevil"'))
    assert "\x1b" not in sentence


def test_an_alias_bomb_costs_nothing(register):
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    assert "aliases" in refusal(register, bomb)


def test_an_id_twice_holds_for_the_first_file(register):
    (register / "later.yaml").write_text(GOOD)
    read = read_register(register)
    assert list(read.requests) == ["forget-rudeness"]
    assert "another file's as well" in read.refused["later.yaml"]


def test_a_pipe_in_the_folder_is_refused_and_does_not_block(register):
    os.mkfifo(register / "pipe.yaml")
    assert "no regular file" in read_register(register).refused["pipe.yaml"]


def test_what_cannot_be_carried_out_is_refused(register):
    def check(request):
        raise UserError("preset is 'nope', which does not exist.")

    assert read_register(register, check=check).refused["good.yaml"].startswith("good.yaml, line 1: preset is 'nope'")


def test_other_files_are_left_alone(register):
    (register / "README.md").write_text("notes")
    (register / ".draft.yaml").write_text("id: ..")
    assert not read_register(register).refused


def test_a_register_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="which is no folder"):
        read_register(tmp_path / "nowhere")
