"""From what a model answered to the program in it: fenced or not, with chatter around it, or cut short."""

import ast
import re
import textwrap
from itertools import islice

MOST_CHARACTERS = 20_000
"""Of an answer that are read."""
MOST_STARTS = 16
"""Fenced blocks, and lines at which a program may begin, that are tried: each is parsed, perhaps to the very end."""
MOST_CUTS = 16
"""Of a text whose end is no program: what still does not parse then is none."""

STOPS = ("\ndef ", "\nclass ", "\nif ", "\nprint(", "\nassert ", "\n#", "\n@", "\n```", "\n<")
"""Where a base model's continuation of a function has gone on to something else (HumanEval's, and a few more)."""

_FENCE = re.compile(
    r"^[ \t]*(?:```|~~~)[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*(?:```|~~~)|\Z)", re.DOTALL | re.MULTILINE
)
_PYTHON = ("", "python", "python3", "py")
_FIRST_LINE = re.compile(r"^(?:def |async def |class |import |from \w[\w.]* import |@\w)", re.MULTILINE)


def extract_program(answer: str, *, entry_point: str = "", opening: str = "") -> str:
    """The program in an answer; empty where there is none.

    Tried in this order, and the first that defines the function wins: every fenced block; the answer as the
    continuation of the opening; the answer from its first line of code on. Of each only the longest beginning that
    parses is taken, so that an answer cut short gives what it has.

    Args:
        answer: Of the model.
        entry_point: Name of the function that is wanted; empty: any.
        opening: How the program begins. It stands before a whole function too: imports and helpers are in it.
    """
    answer = answer[:MOST_CHARACTERS]
    blocks = [block for language, block in _FENCE.findall(answer) if language.lower() in _PYTHON][:MOST_STARTS]
    for block in blocks:
        program = longest_program(_flush_left(block))
        if defines(program, entry_point):
            return _after(opening, program)
    if opening:
        for text in (*blocks, answer):
            if program := _continued(opening, text):
                return program
    for start in islice(_FIRST_LINE.finditer(answer), MOST_STARTS):
        program = longest_program(answer[start.start() :])
        if defines(program, entry_point):
            return _after(opening, program)
    return ""


def _flush_left(block: str) -> str:
    """A block that is indented as a whole, as in a list, moved to the margin; any other as it is."""
    return textwrap.dedent(block) if block.lstrip("\n")[:1].isspace() else block


def _after(opening: str, program: str) -> str:
    return f"{opening}\n{program}" if opening else program


def _continued(opening: str, text: str) -> str:
    """The opening and the body that the text begins with; empty where it begins with something else."""
    ends = [end for stop in STOPS if (end := text.find(stop)) >= 0]
    body = text[: min(ends, default=len(text))].lstrip("\n")
    if not body[:1].isspace():
        return ""
    program = longest_program(opening + body)
    return program if len(program) > len(opening) else ""


def longest_program(text: str) -> str:
    """The longest beginning, in lines, that is a Python program, found in `MOST_CUTS` cuts; may be empty."""
    lines = text.split("\n")
    for _ in range(MOST_CUTS):
        try:
            ast.parse("\n".join(lines))
        except SyntaxError as error:
            at = error.lineno or 1
            lines = lines[: min(at - 1, len(lines) - 1)] if at <= len(lines) else lines[:-1]
        except (ValueError, RecursionError, MemoryError):  # a null byte; nested too deep
            return ""
        else:
            return "\n".join(lines)
    return ""


def defines(program: str, name: str = "") -> bool:
    """Whether the program defines a function at its top level: of that name, or any."""
    try:
        body = ast.parse(program).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    functions = [part.name for part in body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
    return name in functions if name else bool(functions)
