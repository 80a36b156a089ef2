"""HumanEval's file and its prompts. Chen et al. 2021, arXiv:2107.03374."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from tasks.settings.errors import UserError, reason
from tasks.targets.code.problem import Problem, text_of

_CHAT_PROMPT = (
    "Complete the Python function below. Answer with the whole function in one ```python block, and nothing else.\n\n"
    "```python\n{prompt}```"
)


def read_humaneval(path: Path) -> tuple[Problem, ...]:
    """The problems of ``HumanEval.jsonl`` or ``HumanEval.jsonl.gz``, in order.

    The tests may call helpers of the prompt (`poly`, `encode_cyclic`): those are run from the prompt, not taken from
    the program.

    Raises:
        UserError: the file cannot be read, or a line lacks a field.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines if line.strip()]
        return tuple(_problem(row) for row in rows)
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError(
            f"{str(path)!r} is not HumanEval's file ({reason(error)}); each line has task_id, prompt, entry_point, "
            "canonical_solution and test."
        ) from None


def _problem(row: dict[str, Any]) -> Problem:
    prompt, entry_point = text_of(row, "prompt"), text_of(row, "entry_point")
    return Problem(
        name=text_of(row, "task_id"),
        base_prompt=prompt,
        chat_prompt=_CHAT_PROMPT.format(prompt=prompt),
        opening=prompt,
        entry_point=entry_point,
        preamble=prompt,
        test=f"{text_of(row, 'test')}\ncheck({entry_point})",
        reference=prompt + text_of(row, "canonical_solution"),
    )
