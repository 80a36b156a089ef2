"""The sanitized MBPP's file and its prompts. Austin et al. 2021, arXiv:2108.07732.

The base prompt is InCoder's docstring form (arXiv:2204.05999), which code harnesses use, not the paper's three shots.
"""

import ast
import json
from pathlib import Path
from typing import Any

from tasks.settings.errors import UserError, reason
from tasks.targets.code.problem import Problem, text_of

_BASE_PROMPT = '"""\n{description}\n{first_test}\n"""\n'
_CHAT_PROMPT = (
    "{description}\n\nThe function must pass these tests:\n\n```python\n{tests}\n```\n\n"
    "Answer with the whole function in one ```python block, and nothing else."
)


def read_mbpp(path: Path) -> tuple[Problem, ...]:
    """The problems of ``sanitized-mbpp.json``, in order.

    Raises:
        UserError: the file cannot be read, a row lacks a field, or its tests call no function of its code.
    """
    try:
        return tuple(_problem(row) for row in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        # The last three: of code that is no Python, or nested too deep; it is parsed here and run in the jail alone.
        raise UserError(
            f"{str(path)!r} is not the sanitized MBPP's file ({reason(error)}); each row has task_id, prompt, code, "
            "test_imports and test_list."
        ) from None


def _problem(row: dict[str, Any]) -> Problem:
    tests = "\n".join(row["test_list"])
    code, description = ast.parse(text_of(row, "code")), text_of(row, "prompt")
    imports = [ast.unparse(part) for part in code.body if isinstance(part, ast.Import | ast.ImportFrom)]
    return Problem(
        name=f"MBPP/{row['task_id']}",
        base_prompt=_BASE_PROMPT.format(description=description, first_test=row["test_list"][0]),
        chat_prompt=_CHAT_PROMPT.format(description=description, tests=tests),
        opening="",
        entry_point=_called_function(code, ast.parse(tests)),
        preamble="\n".join([*row["test_imports"], *imports]),  # MBPP/596: the test needs what the reference imports
        test=tests,
        reference=row["code"],
    )


def _called_function(code: ast.Module, tests: ast.Module) -> str:
    """The function of the code that the tests call."""
    defined = {part.name for part in code.body if isinstance(part, ast.FunctionDef)}
    called = [
        node.func.id for node in ast.walk(tests) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    for name in called:
        if name in defined:
            return name
    raise ValueError(f"the tests call none of {sorted(defined)}")
