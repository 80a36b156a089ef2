"""Text that a model must keep: read from a file, and parted into what is trained on and what is only measured."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.lab.splits import split_of
from tasks.models.pair import Pair
from tasks.settings.errors import UserError, reason
from tasks.targets.target import RetainSet, Split

END_OF_PASSAGE = "<|endoftext|>"
LONGEST = 2000
"""Characters of a prompt and its response, some 500 tokens: a few very long rows would decide what fits in memory."""


def read_retain(path: str, *, is_shown: Callable[[Pair], bool]) -> list[Pair]:
    """The pairs of a retain file that do not show what is to be forgotten, each once.

    JSON lines (`.jsonl`) or a JSON list (`.json`) of ``prompt`` and ``response``, of ``instruction``, ``input`` and
    ``output`` (Alpaca's names), or of ``instruction``, ``context`` and ``response`` (Dolly's); or text, a passage
    without a prompt each. Rows of more than `LONGEST` characters are left out.

    Args:
        path: Of the file.
        is_shown: Whether a pair shows what is to be forgotten.

    Raises:
        UserError: the file cannot be read, is none of these, or holds nothing to keep.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        pairs = _FORMS.get(Path(path).suffix.lower(), _passages)(text)
        "".join(pair.prompt + pair.response for pair in pairs).encode()  # JSON may hold half characters.
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError(
            f"target.retain_file {path!r} cannot be read ({reason(error)}); give JSON lines (.jsonl) or a JSON list "
            "(.json) of `prompt` and `response`, or of `instruction`, `input` and `output`, or text."
        ) from None
    kept = [pair for pair in dict.fromkeys(pairs) if pair.response.strip() and not is_shown(pair)]
    if not kept:
        raise UserError(
            f"target.retain_file {path!r} holds {len(pairs)} passages, all of which are empty or show what is to be "
            "forgotten; give text that is to be kept."
        )
    return kept


def split_retain(pairs: Sequence[Pair], *, size: int, held_out: Mapping[Split, int]) -> RetainSet:
    """A retain set of pairs, the splits by a hash of the text.

    Args:
        pairs: From which is taken, in order.
        size: Pairs to train on, at most.
        held_out: Held-out pairs by split, at most.

    Raises:
        UserError: a split is left with none.
    """
    by_split: dict[str, list[Pair]] = {"train": [], "tune": [], "report": []}
    for pair in pairs:
        by_split[split_of(pair.prompt + pair.response)].append(pair)
    if not all(by_split.values()):
        raise UserError(
            f"target.retain_file leaves {len(pairs)} passages to keep, too few to train on some and to measure others; "
            "give a few hundred."
        )
    return RetainSet(by_split["train"][:size], {split: by_split[split][:num] for split, num in held_out.items()})


def _json_lines(text: str) -> list[Pair]:
    # Not splitlines, which also splits at signs that may stand inside a JSON string.
    return _rows(json.loads(line) for line in text.split("\n") if line.strip())


def _json_list(text: str) -> list[Pair]:
    return _rows(json.loads(text))


def _rows(rows: Iterable[Mapping[str, Any]]) -> list[Pair]:
    pairs = map(_pair, rows)
    return [pair for pair in pairs if len(pair.prompt) + len(pair.response) <= LONGEST]


def _pair(row: Mapping[str, Any]) -> Pair:
    if "prompt" in row:
        return Pair(_text(row, "prompt"), _text(row, "response"))
    parts = _text(row, "instruction"), _text(row, "input" if row.get("input") else "context", "")
    return Pair("\n\n".join(filter(None, parts)), _text(row, "output" if "output" in row else "response"))


def _text(row: Mapping[str, Any], name: str, *default: str) -> str:
    """A field of a row; null is empty."""
    value = row.get(name, *default) if default else row[name]
    if not isinstance(value, str | int | float | None):
        raise TypeError(f"`{name}` is a {type(value).__name__}, not text")
    return "" if value is None else str(value)


def _passages(text: str) -> list[Pair]:
    # The last passage of a cut file has no end.
    return [Pair("", passage.strip()) for passage in text.split(END_OF_PASSAGE)[:-1] or [text]]


_FORMS: Mapping[str, Callable[[str], list[Pair]]] = {".jsonl": _json_lines, ".json": _json_list}
