import json
from pathlib import Path

import pytest

from tasks.settings.errors import UserError
from tasks.targets.code.gsm8k import INVALID, WordProblem, extract_number, few_shot_prompt, is_right, read_gsm8k
from tests.tasks.targets.code.data import DATA, needs_data

LABELLED = [json.loads(line) for line in Path(__file__).with_name("gsm8k_answers.jsonl").read_text().splitlines()]


def test_at_least_fifty_answers_are_labelled():
    assert len({row["answer"] for row in LABELLED}) >= 50


@pytest.mark.parametrize("reading", ["strict", "flexible"])
@pytest.mark.parametrize("row", LABELLED, ids=lambda row: row["answer"][-20:])
def test_agrees_with_the_labels(row, reading):
    assert extract_number(row["answer"], reading) == (row[reading] or INVALID)
    problem = WordProblem("How many?", f"Some 3 + 4 steps.\n#### {row['gold']}")
    assert is_right(row["answer"], problem, reading) is (reading in row["right"])


def test_the_prompt_shows_worked_problems_first():
    shot = WordProblem("What is 1 + 1?", "1 + 1 = 2\n#### 2")
    prompt = few_shot_prompt("What is 2 + 2?", [shot])
    assert prompt == "Question: What is 1 + 1?\nAnswer: 1 + 1 = 2\n#### 2\n\nQuestion: What is 2 + 2?\nAnswer:"


@pytest.mark.parametrize("text", ["no json", '{"question": "a"}', '{"question": "a", "answer": "no number"}', "[1]"])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "test.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match="is not GSM8K's file"):
        read_gsm8k(path)


@needs_data
def test_every_reference_answer_is_right_in_both_readings():
    problems = read_gsm8k(DATA / "gsm8k" / "test.jsonl")
    assert len(problems) == 1319
    for problem in problems:
        assert extract_number(problem.answer, "strict") == problem.answer.rsplit("#### ", 1)[1].strip()
        assert is_right(problem.answer, problem, "strict")
        assert is_right(problem.answer, problem, "flexible")
