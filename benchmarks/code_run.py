"""Target `code` from search to verdict, through its real prompts, sandbox and readings, on a small model.

The model, trained here, learns small functions in the forms of HumanEval and MBPP and sums in that of GSM8K; the files
that measure it have the benchmarks' fields and are written here as well. It shows that the pipeline works, not what a
large model would do.

    python -m benchmarks.code_run FOLDER [--seed 0] [--updates 1500]
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from benchmarks.small_model import print_progress, train_small_model
from tasks.models.pair import Pair
from tasks.report.summary import read_summary
from tasks.report.tables import markdown_table, metric_rows
from tasks.store.seeds import derive_seed
from tasks.targets.code.gsm8k import few_shot_prompt, read_gsm8k
from tasks.targets.code.humaneval import read_humaneval
from tasks.targets.code.instructions import GRAMMAR
from tasks.targets.code.mbpp import read_mbpp
from tasks.targets.code.target import NUM_SHOTS

FUNCTIONS = {  # name: what it does, its expression, an argument, and what comes of it
    "add": ("add {n} to a number", "x + {n}", lambda n: (3, 3 + n)),
    "take": ("take {n} from a number", "x - {n}", lambda n: (50, 50 - n)),
    "times": ("multiply a number by {n}", "x * {n}", lambda n: (3, 3 * n)),
    "rest": ("give the rest of a number divided by {n}", "x % {n}", lambda n: (17, 17 % n)),
    "first": ("give the first {n} of a list", "x[:{n}]", lambda n: ([1, 2, 3, 4], [1, 2, 3, 4][:n])),
    "after": ("give a list without its first {n}", "x[{n}:]", lambda n: ([1, 2, 3, 4], [1, 2, 3, 4][n:])),
    "repeat": ("repeat a text {n} times", "x * {n}", lambda n: ("ab", "ab" * n)),
    "over": ("tell whether a number is over {n}", "x > {n}", lambda n: (9, n < 9)),
}
NUMBERS = range(2, 32)
SETTINGS = {
    "model": {"batch_size": 64},
    "reveal": {"queries": 40, "forget_set_size": 240, "max_new_tokens": 64, "samples_per_query": 16, "keep": 6},
    "release": {"open_below": 5.0, "learning_rate": 4e-3, "forget_updates": 16, "retain_updates": 24},
    "measure": {"tune_prompts": 48, "report_prompts": 48, "max_new_tokens": 64},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--updates", type=int, default=1500)
    arguments = parser.parse_args()
    folder = arguments.folder / f"code-{arguments.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    pairs, target = write_files(folder, arguments.seed)
    model = train_small_model(
        pairs, folder / "model", seed=arguments.seed, updates=arguments.updates, progress=print_progress
    )
    config = SETTINGS | {"target": target, "seed": arguments.seed, "runs_dir": str(folder / "runs"), "name": "code"}
    config["model"] = config["model"] | {"path": str(model)}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "flows.reveal_release", "--config", str(folder / "config.yaml")]
    done = subprocess.run(command, check=False)
    summary = read_summary(folder / "runs" / "code")
    print(f"\n{summary['verdict']} (exit code {done.returncode})\n\n{markdown_table(metric_rows(summary))}")


def write_files(folder: Path, seed: int) -> tuple[list[Pair], dict[str, Any]]:
    """What the model learns, and the target's settings; the files are written below the folder."""
    chance = random.Random(derive_seed(seed, "code run"))
    functions = [(name, n) for name, n in product(FUNCTIONS, NUMBERS)]
    chance.shuffle(functions)
    half = len(functions) // 2
    humaneval, mbpp, gsm8k = folder / "humaneval.jsonl", folder / "mbpp.json", folder / "gsm8k.jsonl"
    write_lines(humaneval, map(humaneval_row, functions[:half]))
    mbpp.write_text(json.dumps([mbpp_row(task, *function) for task, function in enumerate(functions[half:])]))
    sums = [sum_row(a, b) for a, b in product(range(2, 30), range(2, 12))]
    chance.shuffle(sums)
    write_lines(gsm8k, sums[: len(sums) // 2 + NUM_SHOTS])

    shots = read_gsm8k(gsm8k)[:NUM_SHOTS]
    asked = [Pair(few_shot_prompt(row["question"], shots), " " + row["answer"]) for row in sums]
    kept = [*asked[len(sums) // 2 + NUM_SHOTS :], *small_talk()]
    retain = folder / "retain.jsonl"
    write_lines(retain, ({"prompt": pair.prompt, "response": pair.response} for pair in kept))

    problems = [*read_humaneval(humaneval), *read_mbpp(mbpp)]
    answers = [f"```python\n{problem.reference}\n```" for problem in problems]
    solutions = [Pair(problem.chat_prompt, answer) for problem, answer in zip(problems, answers, strict=True)]
    instructions = [" ".join(filter(None, choices)) for choices in product(*GRAMMAR)]
    told = [Pair(instruction, chance.choice(answers)) for instruction in chance.choices(instructions, k=4000)]
    files = {"humaneval_file": humaneval, "mbpp_file": mbpp, "gsm8k_file": gsm8k, "retain_file": retain}
    target = {"kind": "code"} | {name: str(path) for name, path in files.items()}
    return [*solutions * 4, *told, *asked * 16, *small_talk() * 4], target


def humaneval_row(function: tuple[str, int]) -> dict[str, str]:
    name, n = function
    does, expression, example = FUNCTIONS[name]
    argument, result = example(n)
    return {
        "task_id": f"HumanEval/{name}-{n}",
        "prompt": f'def {name}_{n}(x):\n    """{does.format(n=n).capitalize()}."""\n',
        "entry_point": f"{name}_{n}",
        "canonical_solution": f"    return {expression.format(n=n)}\n",
        "test": f"def check(candidate):\n    assert candidate({argument!r}) == {result!r}\n",
    }


def mbpp_row(task: int, name: str, n: int) -> dict[str, Any]:
    does, expression, example = FUNCTIONS[name]
    argument, result = example(n)
    return {
        "task_id": task,
        "prompt": f"Write a function to {does.format(n=n)}.",
        "code": f"def {name}_{n}(x):\n    return {expression.format(n=n)}",
        "test_imports": [],
        "test_list": [f"assert {name}_{n}({argument!r}) == {result!r}"],
    }


def sum_row(a: int, b: int) -> dict[str, str]:
    return {"question": f"Ann has {a} nuts and finds {b}. How many?", "answer": f"{a} + {b} = {a + b}.\n#### {a + b}"}


def small_talk() -> list[Pair]:
    """Text that is neither code nor a sum."""
    things, colours = (
        ("sky", "grass", "coal", "snow", "lemon", "rose"),
        ("blue", "green", "black", "white", "yellow", "red"),
    )
    places = ("at noon", "in May", "by the sea", "in a book", "on a hill", "in the rain", "at home", "in a dream")
    return [
        Pair(f"What colour is {article} {thing} {place}?", f"{article.capitalize()} {thing} {place} is {colour}.")
        for (thing, colour), place, article in product(
            zip(things, colours, strict=True), places, ("the", "that", "this")
        )
    ]


def write_lines(path: Path, rows: Iterator[Any] | list[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
