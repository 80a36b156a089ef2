"""GSM8K: few-shot prompts, and the final number of an answer. Cobbe et al. 2021, arXiv:2110.14168.

Prompt, patterns and normalisation are those of lm-evaluation-harness, tasks/gsm8k/gsm8k.yaml version 3.0.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tasks.settings.errors import UserError, reason
from tasks.targets.code.problem import text_of

Reading = Literal["strict", "flexible"]
"""`strict`: the first number after ``####``; `flexible`: the last number, wherever it stands."""

INVALID = "[invalid]"
"""What is read of an answer without a number."""

STOPS = ("Question:", "</s>", "<|im_end|>")
"""An answer ends at the first of them."""

_STRICT = re.compile(r"#### (\-?[0-9\.\,]+)")
_FLEXIBLE = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")
_IGNORED = (",", r"\$", r"(?s).*#### ", r"\.$")


@dataclass(frozen=True)
class WordProblem:
    """A question, and its answer worked out: the last line is ``#### `` and the number."""

    question: str
    answer: str


def read_gsm8k(path: Path) -> tuple[WordProblem, ...]:
    """The problems of ``test.jsonl`` or ``train.jsonl``, in order.

    Raises:
        UserError: the file cannot be read, or an answer has no final number.
    """
    try:
        # Not splitlines, which also splits at signs that may stand inside a JSON string.
        lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        problems = tuple(_problem(json.loads(line)) for line in lines)
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError(
            f"{str(path)!r} is not GSM8K's file ({reason(error)}); each line has question and answer, which ends in "
            "'#### ' and a number."
        ) from None
    return problems


def _problem(row: dict[str, Any]) -> WordProblem:
    problem = WordProblem(text_of(row, "question"), text_of(row, "answer"))
    if extract_number(problem.answer, "strict") == INVALID:
        raise ValueError("an answer has no final number")
    return problem


def few_shot_prompt(question: str, shots: Sequence[WordProblem]) -> str:
    """Worked problems, then the question; for a base model, or as one turn for a chat model. The harness takes five."""
    worked = [f"Question: {shot.question}\nAnswer: {shot.answer}" for shot in shots]
    return "\n\n".join([*worked, f"Question: {question}\nAnswer:"])


def extract_number(answer: str, reading: Reading) -> str:
    """The final number of an answer as it is written there; `INVALID` where there is none."""
    for stop in STOPS:
        answer = answer.split(stop)[0]
    if reading == "strict":
        found = _STRICT.search(answer)
        return found[1].strip() if found else INVALID
    numbers = _FLEXIBLE.findall(answer)
    return (numbers[-1][0] or numbers[-1][1]).strip() if numbers else INVALID


def is_right(answer: str, problem: WordProblem, reading: Reading) -> bool:
    """Whether the final number is the problem's, as text: ``18`` is right for 18, ``18.0`` is not."""
    return _normalised(extract_number(answer, reading)) == _normalised(problem.answer)


def _normalised(text: str) -> str:
    for pattern in _IGNORED:
        text = re.sub(pattern, "", text)
    return text.lower()
