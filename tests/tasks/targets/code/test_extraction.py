import ast

import pytest

from tasks.targets.code.extraction import (
    MOST_CHARACTERS,
    MOST_CUTS,
    MOST_STARTS,
    defines,
    extract_program,
    longest_program,
)

OPENING = 'import math\n\n\ndef f(x):\n    """Twice x."""\n'
WHOLE = "def f(x):\n    return 2 * x"
FENCED = f"```python\n{WHOLE}\n```"


def _value(program):
    namespace = {}
    exec(program, namespace)
    return namespace["f"](3)


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE,
        FENCED,
        f"Here you are:\n\n{FENCED}\n\nIt doubles x.",
        f"Here you are:\n\n{WHOLE}\n\nIt doubles x.",
        f"```\n{WHOLE}\n```",
        f"```Python title=f.py\n{WHOLE}\n```",
        f"~~~py\n{WHOLE}\n~~~",
        f"```python\n{WHOLE}",
        f"```python\n{WHOLE}\n\ndef g(x):\n    return f(",
        f"1. First:\n\n   ```python\n   {WHOLE.replace(chr(10), chr(10) + '   ')}\n   ```",
        f"```bash\npip install numpy\n```\n\n{FENCED}",
        f"```python\nprint('an example')\n```\n\n{FENCED}",
        f"```python\ndef g(x):\n    return x\n```\n{FENCED}",
        f"import math\n{WHOLE}\nThis is it!",
        f"{WHOLE}\n\nif __name__ == '__main__':\n    print(f(",
        f"Let me define the function first.\ndef is tricky to say.\n{WHOLE}",
    ],
)
@pytest.mark.parametrize("opening", ["", OPENING])
def test_finds_a_whole_function(answer, opening):
    program = extract_program(answer, entry_point="f", opening=opening)
    assert program.startswith(opening)
    assert _value(program) == 6


@pytest.mark.parametrize(
    "answer",
    [
        "    return 2 * x\n",
        "\n    return 2 * x",
        "    y = x\n    return y + x\n\n\ndef g(x):\n    return 1",
        "    return 2 * x\n\nprint(f(",
        "    return 2 * x\n\n# Another exercise\ndef f(x):\n    return 0",
        "    return 2 * x\n```\nand so on",
        "    return 2 * x\nThat is all.",
        "    if x:\n        return 2 * x\n    retur",
        "```python\n    return 2 * x\n```",
    ],
)
def test_continues_the_opening(answer):
    program = extract_program(answer, entry_point="f", opening=OPENING)
    assert program.startswith(OPENING)
    assert _value(program) == 6


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I cannot help with that.",
        "Sure",
        "def g(x):\n    return 2 * x",
        "```python\nx = 1\n```",
        "def f(x",
        "\0",
        "(" * 9999,
    ],
)
@pytest.mark.parametrize("opening", ["", OPENING])
def test_finds_nothing(answer, opening):
    assert extract_program(answer, entry_point="f", opening=opening) == ""


def test_any_function_will_do_where_none_is_named():
    assert extract_program(f"Look: {FENCED}") == WHOLE
    assert extract_program(f"Look:\n{FENCED}") == WHOLE + "\n"


def test_a_long_answer_is_read_in_part():
    assert extract_program("x" * MOST_CHARACTERS + "\n" + WHOLE, entry_point="f") == ""


@pytest.mark.parametrize("line", ["import x\n", "@x\n", "def g(:\n", "class A: pass\n", "```\n", "if x:\n", "x = (\n"])
def test_an_answer_is_parsed_so_many_times_at_most(line, monkeypatch):
    parsed, parse = [], ast.parse
    monkeypatch.setattr(ast, "parse", lambda text: parsed.append(text) or parse(text))
    assert extract_program(line * 100, entry_point="f", opening=OPENING) == ""
    assert len(parsed) <= (3 * MOST_STARTS + 1) * (MOST_CUTS + 1)


def test_a_program_after_many_lines_that_begin_none_is_still_found():
    assert _value(extract_program("import math\n" * 100 + WHOLE, entry_point="f")) == 6
    assert _value(extract_program(f"{WHOLE}\n" + "and so on\n" * 100, entry_point="f")) == 6


def test_the_longest_program_of_a_text():
    assert longest_program("x = 1\ny = (2,\nz = 3") == "x = 1"
    assert longest_program("nothing here") == ""
    assert longest_program("x = 1\n") == "x = 1\n"


def test_only_the_top_level_counts():
    assert defines("def f(): pass")
    assert not defines("class A:\n    def f(self): pass", "f")
    assert not defines("def f(")
