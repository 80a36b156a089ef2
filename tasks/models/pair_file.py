"""Pairs in JSON lines: the one form in which forget and retain sets are stored."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.models.pair import Pair


def pair_row(pair: Pair) -> dict[str, Any]:
    """The fields of a row that hold the pair."""
    return {"prompt": pair.prompt, "response": pair.response, "complete": pair.complete, "given": pair.given}


def read_pairs(path: Path, split: str) -> list[Pair]:
    """The pairs of one split, in the order of the file."""
    rows = (row for row in _rows(path) if row["split"] == split)
    return [Pair(row["prompt"], row["response"], row["complete"], row["given"]) for row in rows]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
