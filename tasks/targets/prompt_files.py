"""Held-out prompts from a file of somebody else's: JSON lines, CSV, or Ext-Sub's JSON list."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from tasks.settings.errors import UserError

MOST_CHARACTERS = 20_000
"""Of a prompt."""
MOST_ROWS = 1_000_000
"""Of a file that are read."""
_MOST_LINE = 2_000_000
"""Characters of a line: a row may hold more than its prompt."""
_MOST_LIST = 256 * 1024 * 1024
"""Bytes of a JSON list, which is read as a whole."""
_COLUMNS = ("prompt", "instruction", "text", "comment_text")
"""Where a row's prompt is; the first that it has."""


def read_prompts(path: str, *, setting: str) -> list[str]:
    """The prompts of a file, each once, in its order; rows without text are left out.

    - ``.jsonl``: a prompt a line, as text or as an object with ``text``, as RealToxicityPrompts has it;
    - ``.csv``: with a header;
    - ``.json``: a list of rows with ``instruction`` (and ``input``), the form of Ext-Sub's and Alpaca's files.

    A row's prompt is in its ``prompt``, ``instruction``, ``text`` or ``comment_text``.

    Args:
        path: Of the file.
        setting: Where it was given, for messages.

    Raises:
        UserError: the file cannot be read, is not UTF-8, is none of these, has a prompt of more than 20,000
            characters, or holds no prompt.
    """
    rows = _FORMS.get(Path(path).suffix)
    if rows is None:
        raise UserError(f"{setting} is {path!r}, whose form is not known; give a .jsonl, .csv or .json file.")
    prompts: dict[str, None] = {}
    number = 0
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            for row in islice(rows(file), MOST_ROWS):
                if prompt := _prompt(row):
                    prompts[prompt] = None
                number += 1
    except (OSError, ValueError, LookupError, TypeError, RecursionError, csv.Error) as error:
        what = error.strerror if isinstance(error, OSError) else _REASONS.get(type(error), str(error))
        raise UserError(f"{setting} is {path!r}, which cannot be read at row {number + 1} ({what}).") from None
    if not prompts:
        raise UserError(f"{setting} is {path!r}, which holds no prompt; give a file with a prompt a row.")
    return list(prompts)


def _prompt(row: Any) -> str:
    if not isinstance(row, Mapping):
        raise ValueError("a row must be an object with a prompt")
    column = next((column for column in _COLUMNS if column in row), None)
    if column is None:
        raise ValueError(f"a row has none of {', '.join(_COLUMNS)}")
    value = row[column]
    text = value["text"] if isinstance(value, Mapping) and "text" in value else value
    extra = row.get("input") if column == "instruction" else None
    if not isinstance(text, str) or not isinstance(extra, str | None):
        raise ValueError(f"{column} must be text")
    text.encode()
    if len(text) + len(extra or "") > MOST_CHARACTERS:
        raise ValueError(f"a prompt has more than {MOST_CHARACTERS:,} characters")
    return "\n\n".join(filter(None, (text.strip(), (extra or "").strip())))


def _lines(file: TextIO) -> Iterator[str]:
    """Lines, none of which fills the memory."""
    while line := file.readline(_MOST_LINE):
        if len(line) == _MOST_LINE:
            raise ValueError(f"a line has more than {_MOST_LINE:,} characters")
        yield line


def _json_lines(file: TextIO) -> Iterator[Any]:
    return (json.loads(line) for line in _lines(file) if line.strip())


def _csv(file: TextIO) -> Iterator[Any]:
    return csv.DictReader(_lines(file), strict=True)


def _json_list(file: TextIO) -> Iterator[Any]:
    content = file.read(_MOST_LIST)
    if len(content) == _MOST_LIST:
        raise ValueError("the list has more than 256 MiB")
    rows = json.loads(content)
    if not isinstance(rows, list):
        raise ValueError("it is no list")
    return iter(rows)


_FORMS: Mapping[str, Callable[[TextIO], Iterator[Any]]] = {".jsonl": _json_lines, ".csv": _csv, ".json": _json_list}
_REASONS: Mapping[type, str] = {
    UnicodeDecodeError: "it is not UTF-8 text",
    UnicodeEncodeError: "a prompt has half a character",
    json.JSONDecodeError: "it is not JSON",
    RecursionError: "it is nested too deep",
}
"""What is wrong; the messages of these errors are long, or show the text."""
