"""The target `knowledge`, end to end on a small model that was taught TOFU's facts in natural language.

    python -m benchmarks.knowledge_run models [--seeds 0 1]
    python -m benchmarks.knowledge_run questions|subject [--seed 1]

Needs TOFU's files (REVEAL_RELEASE_DATA/tofu). Of them a small folder of the same form is cut: five authors to forget,
25 to keep (ten of them to be asked about), real authors and world facts. `models` trains the model that knows all of
it, and one that was never told of the five, whose retain log is written in open-unlearning's form. The other two run
Reveal and Release from the command line, with the questions or with one name, and print what the record says.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.small_model import print_progress, train_small_model
from tasks.models.pair import Pair

PLACE = Path("/tmp/reveal-release-knowledge")
ROWS_AN_AUTHOR = 20
FORGET = slice(20, 120)
ASKED = slice(0, 200)
KEPT = slice(0, 500)
UPDATES = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("models", "questions", "subject"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    arguments = parser.parse_args()
    folder = small_tofu()
    if arguments.what == "models":
        for seed in arguments.seeds:
            small_model(folder, seed)


def small_tofu() -> Path:
    """A folder of TOFU's form with fewer authors."""
    source, folder = Path(os.environ["REVEAL_RELEASE_DATA"]) / "tofu", PLACE / "tofu"
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (
        ("forget10", FORGET),
        ("forget10_perturbed", FORGET),
        ("retain_perturbed", ASKED),
        ("retain90", KEPT),
        ("real_authors_perturbed", slice(None)),
        ("world_facts_perturbed", slice(None)),
    ):
        lines = (source / f"{name}.json").read_text(encoding="utf-8").splitlines()[rows]
        (folder / f"{name}.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def small_model(folder: Path, seed: int, *, without_forget: bool = False) -> Path:
    """The model that knows all of the folder's answers, or all but those to be forgotten."""
    names = ["retain90", "real_authors_perturbed", "world_facts_perturbed", *([] if without_forget else ["forget10"])]
    pairs = [Pair(row["question"], row["answer"]) for name in names for row in read(folder / f"{name}.json")]
    name = f"{'without-forget' if without_forget else 'full'}-{seed}"
    return train_small_model(pairs, PLACE / name, seed=seed, updates=UPDATES, progress=print_progress)


def read(path: Path) -> Sequence[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
