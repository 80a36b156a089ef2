import gzip
import json

import pytest

from tasks.settings.errors import UserError, reason
from tasks.targets.code.gsm8k import read_gsm8k
from tasks.targets.code.humaneval import read_humaneval
from tasks.targets.code.mbpp import read_mbpp
from tasks.targets.knowledge.questions import read_questions
from tasks.targets.knowledge.retain_log import read_retain_log
from tasks.targets.retain import read_retain

READERS = {
    "gsm8k": read_gsm8k,
    "humaneval": read_humaneval,
    "mbpp": read_mbpp,
    "questions": lambda path: read_questions(str(path), "target.questions_file"),
    "retain": lambda path: read_retain(str(path), is_shown=lambda pair: False),
    "retain log": lambda path: read_retain_log(str(path), 1),
}


@pytest.mark.parametrize("name", READERS)
def test_a_binary_file_is_refused_in_one_sentence_without_its_contents(tmp_path, name):
    path = tmp_path / "file.jsonl"
    path.write_bytes(b"a secret \x8b" * 10_000)
    with pytest.raises(UserError) as caught:
        READERS[name](path)
    assert "no UTF-8 text at byte 9" in str(caught.value)
    assert "secret" not in str(caught.value).replace(str(path), "")
    assert len(str(caught.value)) < 500


HUMANEVAL = {"task_id": "a/0", "prompt": "def f():\n", "entry_point": "f", "canonical_solution": "    pass", "test": ""}
MBPP = {"task_id": 1, "prompt": "Do.", "code": "def f(): pass", "test_imports": [], "test_list": ["assert f()"]}
QUESTION = {"question": "Who?", "answer": "Ada."}


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("gsm8k", {"question": "Why?", "answer": 5}),
        ("gsm8k", {"question": 5, "answer": "#### 5"}),
        ("gsm8k", {"question": "Why \ud83d?", "answer": "#### 5"}),
        ("humaneval", HUMANEVAL | {"prompt": None}),
        ("humaneval", HUMANEVAL | {"test": 5}),
        ("humaneval", HUMANEVAL | {"prompt": "\ud83d"}),
        ("mbpp", [MBPP | {"prompt": None}]),
        ("mbpp", [MBPP | {"code": 5}]),
        ("mbpp", [MBPP | {"code": "def f(:"}]),
        ("mbpp", [MBPP | {"test_list": []}]),
        ("mbpp", [MBPP | {"test_list": ["assert f('\ud83d')"]}]),
        ("questions", QUESTION | {"question": "\ud83d"}),
        ("questions", QUESTION | {"perturbed_answer": {"a": 1}}),
        ("questions", QUESTION | {"perturbed_answer": None}),
    ],
)
def test_a_row_with_something_else_in_a_field_is_refused(tmp_path, name, row):
    path = tmp_path / "file.jsonl"
    path.write_text(json.dumps(row))
    with pytest.raises(UserError):
        READERS[name](path)


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_nested_too_deep_is_refused(tmp_path, name):
    path = tmp_path / "file.jsonl"
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match="RecursionError"):
        READERS[name](path)


def test_a_damaged_gzip_file_is_refused(tmp_path):
    path = tmp_path / "HumanEval.jsonl.gz"
    packed = bytearray(gzip.compress(json.dumps(HUMANEVAL).encode() * 100))
    packed[20:40] = bytes(byte ^ 255 for byte in packed[20:40])
    path.write_bytes(packed)
    with pytest.raises(UserError, match="is not HumanEval's file"):
        read_humaneval(path)


def test_a_line_separator_inside_a_word_problem_ends_no_line(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text('{"question": "One\u2028two?", "answer": "#### 5"}\n', encoding="utf-8")
    (problem,) = read_gsm8k(path)
    assert problem.question == "One\u2028two?"


def test_a_reason_is_short_whatever_the_error_says():
    assert reason(ValueError("a\nb " + "c" * 1000)) == "ValueError: a b " + "c" * 96
    assert reason(FileNotFoundError(2, "No such file or directory", "name")) == "No such file or directory"
