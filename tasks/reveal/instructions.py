"""The instructions that a search tried, and the file in which an auditor reads them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks.reveal.reward import Reward
from tasks.store.disk import write_file

INSTRUCTIONS = "instructions.jsonl"


@dataclass(frozen=True)
class ScoredInstruction:
    """An instruction with what it was worth."""

    arm: int
    """Its number in the search, in the order of play, from 0."""
    outer_round: int
    """The round that played it, from 1."""
    instruction: str
    reward: Reward
    """From the samples that the search saw: of the best ones among many, too good to be true."""
    rescored: Reward | None = None
    """From fresh samples; the best few only."""


def write_instructions(folder: Path, instructions: Iterable[ScoredInstruction]) -> None:
    """Put the instructions into the search's folder, a JSON line each, in the order of play."""
    write_file(folder / INSTRUCTIONS, "".join(json.dumps(_row(item)) + "\n" for item in instructions))


def read_instructions(folder: Path) -> list[ScoredInstruction]:
    """All instructions of a finished search, in the order of play."""
    with (folder / INSTRUCTIONS).open(encoding="utf-8") as lines:
        return [_instruction(json.loads(line)) for line in lines]


def trusted_instructions(
    instructions: Iterable[ScoredInstruction], *, min_relevance: float = 0.0
) -> list[ScoredInstruction]:
    """Those that reach a relevance on fresh samples, the best fresh score first; none: the model reveals nothing."""
    trusted = [item for item in instructions if item.rescored and item.rescored.relevance >= min_relevance]
    return sorted(trusted, key=lambda item: (-item.rescored.score, item.arm))


def _row(item: ScoredInstruction) -> dict:
    return {
        "arm": item.arm,
        "kind": "text",
        "outer_round": item.outer_round,
        "instruction": item.instruction,
        **asdict(item.reward),
        "rescored": asdict(item.rescored) if item.rescored else None,
    }


def _instruction(row: dict) -> ScoredInstruction:
    return ScoredInstruction(
        arm=row["arm"],
        outer_round=row["outer_round"],
        instruction=row["instruction"],
        reward=Reward(row["score"], row["relevance"], row["diversity"]),
        rescored=Reward(**row["rescored"]) if row["rescored"] else None,
    )
