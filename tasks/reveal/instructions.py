"""The arms that a search played, and the files in which an auditor reads them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from safetensors.torch import load_file, save
from torch import Tensor

from tasks.reveal.reward import Reward
from tasks.store.disk import write_file

INSTRUCTIONS = "instructions.jsonl"
SOFT_PROMPTS = "soft-prompts.safetensors"


@dataclass(frozen=True)
class ScoredArm:
    """An arm with what it was worth."""

    arm: int
    """Its number in the search, in the order of play, from 0."""
    outer_round: int
    """The round that played it, from 1."""
    kind: Literal["text", "soft"]
    instruction: str | None
    """What the model was asked; of a soft prompt what it wrote to itself, or None where it was asked directly."""
    reward: Reward
    """From the samples that the search saw: of the best ones among many, too good to be true."""
    rescored: Reward | None = None
    """From fresh samples; the best few only."""
    chosen: int | None = None
    """Its place among the arms that write the forget set, from 1."""


def write_arms(folder: Path, arms: Iterable[ScoredArm], soft_prompts: Mapping[int, Tensor]) -> None:
    """Put the arms into the search's folder, a JSON line each, in the order of play.

    Args:
        folder: Of the search.
        arms: All that were played.
        soft_prompts: Those of the soft arms, `(tokens, hidden)`, by number of the arm.
    """
    if soft_prompts:
        tensors = {str(arm): prompt.contiguous() for arm, prompt in soft_prompts.items()}
        write_file(folder / SOFT_PROMPTS, save(tensors))
    write_file(folder / INSTRUCTIONS, "".join(json.dumps(_row(item)) + "\n" for item in arms))


def read_arms(folder: Path) -> list[ScoredArm]:
    """All arms of a finished search, in the order of play."""
    with (folder / INSTRUCTIONS).open(encoding="utf-8") as lines:
        return [_arm(json.loads(line)) for line in lines]


def read_soft_prompts(folder: Path) -> dict[int, Tensor]:
    """The soft prompts of a finished search by number of the arm, `(tokens, hidden)`; none where it played none."""
    path = folder / SOFT_PROMPTS
    return {int(arm): prompt for arm, prompt in load_file(path).items()} if path.exists() else {}


def trusted_arms(arms: Iterable[ScoredArm], *, min_relevance: float = 0.0) -> list[ScoredArm]:
    """The chosen arms that reach a relevance on fresh samples, in the order of choice; none: nothing is revealed."""
    trusted = [item for item in arms if item.chosen and item.rescored.relevance >= min_relevance]
    return sorted(trusted, key=lambda item: item.chosen)


def _row(item: ScoredArm) -> dict:
    return {
        "arm": item.arm,
        "kind": item.kind,
        "outer_round": item.outer_round,
        "instruction": item.instruction,
        **asdict(item.reward),
        "rescored": asdict(item.rescored) if item.rescored else None,
        "chosen": item.chosen,
    }


def _arm(row: dict) -> ScoredArm:
    return ScoredArm(
        arm=row["arm"],
        outer_round=row["outer_round"],
        kind=row["kind"],
        instruction=row["instruction"],
        reward=Reward(row["score"], row["relevance"], row["diversity"]),
        rescored=Reward(**row["rescored"]) if row["rescored"] else None,
        chosen=row["chosen"],
    )
