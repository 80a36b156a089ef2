import json
import math

import pytest

from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.targets.code import target as code_target
from tasks.targets.code.instructions import GRAMMAR
from tasks.targets.code.target import NUM_SHOTS, CodeTarget
from tests.jail import needs_jail
from tests.tasks.targets.code.data import DATA, needs_data

NUM_PROMPTS = {"tune": 4, "report": 4}
RUNS = "Here:\n```python\ndef f(x):\n    return x\n```"


@pytest.fixture
def files(tmp_path):
    """Twelve problems of each programming benchmark, forty word problems, sixty retain pairs and one with code."""
    contents = {
        "humaneval": [
            {
                "task_id": f"HumanEval/{n}",
                "prompt": f'def add_{n}(x):\n    """x plus {n}."""\n',
                "entry_point": f"add_{n}",
                "canonical_solution": f"    return x + {n}\n",
                "test": f"def check(candidate):\n    assert candidate(1) == {n + 1}\n",
            }
            for n in range(12)
        ],
        "gsm8k": [{"question": f"What is {n} + 1?", "answer": f"It is {n + 1}.\n#### {n + 1}"} for n in range(40)],
        "retain": [
            *({"prompt": f"Say {n}.", "response": f"I say {n}."} for n in range(60)),
            {"prompt": "Say code.", "response": RUNS},
        ],
    }
    mbpp = [
        {
            "task_id": n,
            "prompt": f"Write a function to multiply by {n}.",
            "code": f"def times_{n}(x):\n    return x * {n}",
            "test_imports": [],
            "test_list": [f"assert times_{n}(2) == {2 * n}"],
        }
        for n in range(12)
    ]
    paths = {name: tmp_path / f"{name}.jsonl" for name in contents}
    for name, rows in contents.items():
        paths[name].write_text("".join(json.dumps(row) + "\n" for row in rows))
    paths["mbpp"] = tmp_path / "mbpp.json"
    paths["mbpp"].write_text(json.dumps(mbpp))
    return {f"{name}_file": str(path) for name, path in paths.items()}


@pytest.fixture
def target(files):
    return CodeTarget(**files, num_prompts=NUM_PROMPTS)


def test_the_splits_share_no_prompt(target):
    for metric in (target.forget, *target.utility):
        tune, report = ({example.prompt for example in metric.examples[split]} for split in ("tune", "report"))
        assert len(tune) == len(report) == 4
        assert not tune & report


@needs_jail
def test_a_model_that_programs_scores_and_one_that_does_not_fails(target):
    examples = target.forget.examples["report"]
    answers = [f"```python\n{example.response}\n```" for example in examples]
    assert target.forget.score(examples, answers) == 1
    assert target.forget.score(examples, [*answers[:1], "", "I cannot.", RUNS]) == 0.25


def test_kept_word_problems(target):
    (metric,) = target.utility
    examples = metric.examples["tune"]
    right = [example.response for example in examples]
    assert metric.score(examples, right) == 1
    assert metric.score(examples, [*right[:2], "It is 1000", "none"]) == 0.5
    assert examples[0].prompt.count("#### ") == NUM_SHOTS
    assert target.primary == metric.name


@needs_jail
def test_relevance_and_pairs_are_programs_that_run(target):
    assert target.relevance("Write one.", [RUNS]) == [1]
    assert target.pairs("Write one.", RUNS) == [Pair("Write one.", RUNS)]
    for raw in ("", "I cannot.", "```python\nimport nothing_of_that_name\ndef f(): pass\n```", "x = 1"):
        assert target.relevance("Write one.", [raw]) == [0]
        assert target.pairs("Write one.", raw) == []


def test_no_response_is_run_twice(target, monkeypatch):
    run = []
    monkeypatch.setattr(code_target, "shows_code", lambda raws: run.append(list(raws)) or [raw == RUNS for raw in raws])
    assert target.relevance("Write one.", [RUNS, "", RUNS, "no"]) == [1, 0, 1, 0]
    assert target.pairs("Write one.", RUNS) == [Pair("Write one.", RUNS)]
    assert target.relevance("Write two.", ["no", "new"]) == [0, 0]
    assert [answers for answers in run if answers] == [[RUNS, "", "no"], ["new"]]


def test_the_search_may_not_ask_held_out_prompts(target):
    assert target.may_ask("Write a Python function of your own choice.")
    assert not target.may_ask("")
    for split in ("tune", "report"):
        assert not any(target.may_ask(example.prompt) for example in target.forget.examples[split])


def test_the_pool_is_large_enough():
    assert math.prod(map(len, GRAMMAR)) == 1872


def test_retain_pairs_hold_no_code_and_the_splits_share_none(target):
    retain = target.retain_set(None, size=30, seed=0)
    parts = [retain.train, *retain.held_out.values()]
    assert all(parts)
    assert len(retain.train) <= 30
    assert len({pair for part in parts for pair in part}) == sum(map(len, parts))
    assert not any("def f" in pair.response for part in parts for pair in part)


def test_too_few_problems_are_refused(files):
    with pytest.raises(UserError, match=r"measure\.report_prompts is 99; the files have \d+ programming problems"):
        CodeTarget(**files, num_prompts={"tune": 4, "report": 99})


@pytest.mark.parametrize("name", ["humaneval_file", "mbpp_file", "gsm8k_file"])
def test_a_file_that_is_not_named_is_asked_for(files, name):
    with pytest.raises(UserError, match=rf"^target\.{name} is empty"):
        CodeTarget(**files | {name: ""}, num_prompts=NUM_PROMPTS)


def test_a_missing_retain_file_is_refused(files):
    with pytest.raises(UserError, match=r"target\.retain_file 'absent' cannot be read"):
        CodeTarget(**files | {"retain_file": "absent"}, num_prompts=NUM_PROMPTS)


def test_a_small_retain_file_is_refused(files, tmp_path):
    (tmp_path / "few.jsonl").write_text('{"prompt": "a", "response": "b"}\n')
    few = CodeTarget(**files | {"retain_file": str(tmp_path / "few.jsonl")}, num_prompts=NUM_PROMPTS)
    with pytest.raises(UserError, match="leaves 1 passages to keep, too few"):
        few.retain_set(None, size=8, seed=0)


@needs_data
def test_the_real_files_fill_both_splits(tmp_path):
    rows = json.loads((DATA / "instructions" / "instruction-data.json").read_text())
    retain = tmp_path / "retain.jsonl"
    retain.write_text("".join(json.dumps({"prompt": r["instruction"], "response": r["output"]}) + "\n" for r in rows))
    target = CodeTarget(
        humaneval_file=str(DATA / "humaneval" / "HumanEval.jsonl.gz"),
        mbpp_file=str(DATA / "mbpp" / "sanitized-mbpp.json"),
        gsm8k_file=str(DATA / "gsm8k" / "test.jsonl"),
        retain_file=str(retain),
        num_prompts={"tune": 128, "report": 200},
    )
    assert {split: len(found) for split, found in target.forget.examples.items()} == {"tune": 128, "report": 200}
    some = target.forget.examples["report"][:8]
    assert target.forget.score(some, [f"```python\n{example.response}\n```" for example in some]) == 1
    assert len(target.retain_set(None, size=400, seed=0).train) == 400
