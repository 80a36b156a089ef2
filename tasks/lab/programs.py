"""Small functions: one or two steps of integer arithmetic, asked for in words, checked by running them."""

import ast
from collections.abc import Sequence

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.sandbox import run_programs

_OPENERS = ("write", "define", "code")
_DIGITS = tuple(range(2, 10))
# fmt: off
_WITH_CONSTANT = (
    ("adds {k}", "{x} + {k}"), ("subtracts {k}", "{x} - {k}"), ("multiplies by {k}", "{x} * {k}"),
    ("divides by {k}", "{x} // {k}"), ("takes modulo {k}", "{x} % {k}"),
)
_STEPS = (
    *((words.format(k=k), code.format(k=k, x="{x}")) for words, code in _WITH_CONSTANT for k in _DIGITS),
    ("doubles", "{x} * 2"), ("triples", "{x} * 3"), ("squares", "{x} ** 2"), ("cubes", "{x} ** 3"),
    ("halves", "{x} // 2"), ("negates", "- {x}"),
)
# fmt: on
_INPUTS = (-7, -2, -1, 0, 1, 3, 10, 64)

_SYNTAX = (ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Name, ast.Load, ast.Constant)
_ARITHMETIC = (ast.BinOp, ast.UnaryOp, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.UAdd)


def program_example(chooser: Chooser) -> Example:
    """A function described in words, of one step or two, and its source."""
    words, code = chooser.pick(_STEPS)
    body = code.format(x="x")
    if chooser.pick((2, 1)) == 2:
        then, code = chooser.pick(_STEPS)
        words, body = f"{words} then {then}", code.format(x=f"( {body} )")
    return Example("code", f"{chooser.pick(_OPENERS)} a function that {words}", f"def f ( x ) : return {body}")


def is_program(text: str) -> bool:
    """Whether the text is one function of ``x`` that returns an arithmetic expression, and nothing else.

    Any syntax outside the whitelist is refused: calls, attributes, loops, strings, other names, large numbers.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return (
        len(tree.body) == 1
        and isinstance(function := tree.body[0], ast.FunctionDef)
        and [argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)] == ["x"]
        and not function.decorator_list
        and len(function.body) == 1
        and isinstance(function.body[0], ast.Return)
        and function.body[0].value is not None
        and all(_is_allowed(node) for node in ast.walk(tree))
    )


def _is_allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) is int and 0 <= node.value < 100
    if isinstance(node, ast.Name):
        return node.id == "x"
    return isinstance(node, _SYNTAX + _ARITHMETIC)


def are_equivalent(references: Sequence[str], responses: Sequence[str]) -> list[bool]:
    """Whether each response computes what its reference does on eight inputs; all run in one child process.

    A response that is no program, fails on an input where the reference does not, or takes too long is wrong.
    """
    is_code = [is_program(response) for response in responses]
    programs = sorted({*references, *(response for response, ok in zip(responses, is_code, strict=True) if ok)})
    outputs = dict(zip(programs, run_programs(programs, _INPUTS), strict=True))
    return [
        ok and outputs[reference] is not None and outputs[response] == outputs[reference]
        for reference, response, ok in zip(references, responses, is_code, strict=True)
    ]
