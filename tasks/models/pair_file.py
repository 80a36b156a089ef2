"""Pairs in JSON lines: the one form in which forget and retain sets are stored."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.models.pair import Pair


def pair_row(pair: Pair) -> dict[str, Any]:
    """The fields of a row that hold the pair."""
    return {"prompt": pair.prompt, "response": pair.response, "complete": pair.complete, "given": pair.given}


def read_pairs(path: Path, split: str) -> list[Pair]:
    """The pairs of one split, in the order of the file."""
    return [pair_of(row) for row in read_rows(path) if row["split"] == split]


def pair_of(row: Mapping[str, Any]) -> Pair:
    """The pair that a row holds."""
    return Pair(row["prompt"], row["response"], row["complete"], row["given"])


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows, in the order of the file."""
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
