import ast
import gzip
import json

import pytest

from tasks.sandbox.limits import Limits
from tasks.sandbox.sandbox import run_trials
from tasks.settings.errors import UserError
from tasks.targets.code.extraction import extract_program
from tasks.targets.code.humaneval import read_humaneval
from tasks.targets.code.mbpp import read_mbpp
from tasks.targets.code.scoring import shows_code, solve
from tests.jail import needs_jail
from tests.tasks.targets.code.data import DATA, needs_data
from tests.tasks.targets.code.mutation import mutated

HUMANEVAL_ROW = {
    "task_id": "HumanEval/900",
    "prompt": 'def half(x):\n    return x / 2\n\n\ndef twice(x):\n    """Twice x."""\n',
    "entry_point": "twice",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n    assert half(candidate(4)) == 4\n",
}
MBPP_ROW = {
    "task_id": 901,
    "prompt": "Write a function to double a number.",
    "code": "import math\ndef helper(x):\n    return x\ndef twice(x):\n    return helper(x) + x",
    "test_imports": [],
    "test_list": ["assert math.isclose(twice(3), 6)", "assert twice(0) == 0"],
}

# Faults that no input shows, such as one in a dead branch; then those that no test of the benchmark shows.
EQUIVALENT = {"HumanEval/19", "HumanEval/99", "HumanEval/116", "HumanEval/139", "MBPP/589"}
UNTESTED = {f"MBPP/{n}" for n in (20, 125, 428, 463, 617, 626, 638, 735, 751, 771, 776, 799, 807)}


@pytest.fixture
def humaneval(tmp_path):
    path = tmp_path / "HumanEval.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(HUMANEVAL_ROW).encode() + b"\n"))
    return path


@pytest.fixture
def mbpp(tmp_path):
    path = tmp_path / "sanitized-mbpp.json"
    path.write_text(json.dumps([MBPP_ROW]))
    return path


def test_reads_both_benchmarks(humaneval, mbpp):
    (first,), (second,) = read_humaneval(humaneval), read_mbpp(mbpp)
    assert first.base_prompt == HUMANEVAL_ROW["prompt"]
    assert "```python\ndef half" in first.chat_prompt
    assert second.base_prompt == '"""\nWrite a function to double a number.\nassert math.isclose(twice(3), 6)\n"""\n'
    assert "assert twice(0) == 0" in second.chat_prompt
    assert second.entry_point == "twice"


@pytest.mark.parametrize("read", [read_humaneval, read_mbpp])
@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"task_id": 1}'])
def test_another_file_is_refused(tmp_path, read, text):
    path = tmp_path / "file.json"
    path.write_text(text)
    if read is read_humaneval and not text:
        assert read(path) == ()
    else:
        with pytest.raises(UserError, match=r"is not .*'s file"):
            read(path)
    with pytest.raises(UserError, match=r"is not .*'s file"):
        read(tmp_path / "absent.jsonl.gz")


@pytest.mark.parametrize("code", ["def f(:", "def f(): pass\0", "x = " + "(" * 5000, "x = " + "-" * 100_000 + "1"])
def test_a_file_whose_code_is_no_python_is_refused_and_not_run(tmp_path, code):
    row = {"task_id": 1, "prompt": "", "code": code, "test_imports": [], "test_list": ["assert f()"]}
    (tmp_path / "mbpp.json").write_text(json.dumps([row]))
    with pytest.raises(UserError, match="is not the sanitized MBPP's file"):
        read_mbpp(tmp_path / "mbpp.json")


@pytest.mark.parametrize("text", ["open({file!r}, 'w')", "def f(): return 1\nopen({file!r}, 'w')"])
def test_reading_a_benchmark_runs_none_of_its_code(tmp_path, text):
    code = text.format(file=str(tmp_path / "ran"))
    solution = {"task_id": "HumanEval/0", "prompt": code, "entry_point": "f", "canonical_solution": code, "test": code}
    (tmp_path / "humaneval.jsonl").write_text(json.dumps(solution))
    task = {"task_id": 1, "prompt": "", "code": f"def f(): pass\n{code}", "test_imports": [code], "test_list": ["f()"]}
    (tmp_path / "mbpp.json").write_text(json.dumps([task]))
    assert len(read_humaneval(tmp_path / "humaneval.jsonl")) == len(read_mbpp(tmp_path / "mbpp.json")) == 1
    assert not (tmp_path / "ran").exists()


@needs_jail
def test_counts_the_answers_that_pass(humaneval, mbpp):
    problems = read_humaneval(humaneval) + read_mbpp(mbpp)
    answers = [
        ["    return 2 * x", "```python\ndef twice(x):\n    return x + x\n```", "    return x", "I cannot."],
        ["def twice(x):\n    return x", "Sure", "", "def twice(x):\n    return 2 * x"],
    ]
    solved = solve(problems, answers)
    assert solved.num_passed == (2, 1)
    assert solved.pass_at(1) == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert solved.pass_at(2) == pytest.approx((5 / 6 + 1 / 2) / 2)


@needs_jail
def test_a_helper_of_the_prompt_is_not_the_programs(humaneval):
    (problem,) = read_humaneval(humaneval)
    cheat = "```python\ndef half(x):\n    return 4\ndef twice(x):\n    return 6\n```"
    assert solve([problem], [[cheat]]).num_passed == (0,)


@needs_jail
def test_what_counts_as_code():
    answers = [
        "def f(x):\n    return x",
        "Of course:\n```python\ndef f(x):\n    return undefined\n```",  # never called
        "def f(x) return x",
        "x = 1",
        "import nothing_of_that_name\ndef f(x):\n    return x",
        "def f(x):\n    return x\n\nf()",
        "I am sorry.",
        "",
    ]
    assert shows_code(answers) == [True, True, False, False, False, False, False, False]
    assert shows_code([]) == []


@pytest.fixture(scope="module")
def problems():
    return read_humaneval(DATA / "humaneval" / "HumanEval.jsonl.gz") + read_mbpp(DATA / "mbpp" / "sanitized-mbpp.json")


@needs_data
@needs_jail
def test_every_reference_passes(problems):
    outcomes = run_trials(
        [problem.trial(problem.reference) for problem in problems], limits=Limits(cpu_s=30, wall_s=240)
    )
    assert [p.name for p, outcome in zip(problems, outcomes, strict=True) if outcome.status != "passed"] == []
    assert len(problems) == 164 + 427


@needs_data
def test_every_reference_is_found_in_an_answer(problems):
    for problem in problems:
        continued = problem.reference.removeprefix(problem.opening)
        for answer in (continued, f"Sure!\n\n```python\n{problem.reference}\n```\nDone."):
            program = extract_program(answer, entry_point=problem.entry_point, opening=problem.opening)
            assert ast.unparse(_last_function(program, problem)) == ast.unparse(
                _last_function(problem.reference, problem)
            )


@needs_data
@needs_jail
def test_a_fault_in_a_reference_is_found(problems):
    """Every fifth problem; all of them once: docs/coding.md."""
    some = problems[::5]
    faulty = [mutated(problem.reference, problem.entry_point) for problem in some]
    trials = [problem.trial(program) for problem, (program, _) in zip(some, faulty, strict=True)]
    outcomes = run_trials(trials, limits=Limits(cpu_s=2, wall_s=30))
    missed = {problem.name for problem, outcome in zip(some, outcomes, strict=True) if outcome.status == "passed"}
    assert missed <= EQUIVALENT | UNTESTED


def _last_function(program, problem):
    return next(
        part
        for part in reversed(ast.parse(program).body)
        if isinstance(part, ast.FunctionDef) and part.name == problem.entry_point
    )
