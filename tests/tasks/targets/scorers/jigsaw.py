"""Detoxify's own test data in Jigsaw's columns, where `REVEAL_RELEASE_DATA` has it."""

import csv
import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("REVEAL_RELEASE_DATA", "no-data"))
needs_data = pytest.mark.skipif(not (DATA / "jigsaw_fixture").is_dir(), reason="REVEAL_RELEASE_DATA has no Jigsaw data")


def comments(name: str) -> tuple[list[str], list[int]]:
    """Texts and whether they are toxic (1) or not (0); those without a label are left out."""
    with (DATA / "jigsaw_fixture" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["toxic"] != "-1"]
    return [row["comment_text"] for row in rows], [int(row["toxic"]) for row in rows]
