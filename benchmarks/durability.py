"""Is what the runs of the README's table forgot really gone? The recovery tests on each of them, gold beside it.

    python -m benchmarks.lab_runs
    python -m benchmarks.durability [--runs-dir DIR] [--seeds 0 1 2] [--targets ...]

Prints markdown: original / unlearned / gold. Assessments that are finished answer from the store.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.lab_runs import TARGETS
from tasks.report.durability import read_durability
from tasks.report.summary import read_summary

COLUMNS = (
    "target", "seed", "relearned, 4 updates", "8 updates", "16 updates", "8 unrelated updates",
    "new search: best score", "yield", "saved arms: best score", "yield", "membership by loss", "by min-20%",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/benchmark"), help="that of benchmarks.lab_runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=TARGETS)
    arguments = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)
    for target in arguments.targets:
        for seed in arguments.seeds:
            cells = row(assess(f"lab-{target}", seed, arguments.runs_dir))
            print("| " + " | ".join([target, str(seed), *cells]) + " |", flush=True)


def assess(preset: str, seed: int, runs_dir: Path) -> dict[str, Any]:
    """The durability of a run; none where no step of it was accepted."""
    run_path = runs_dir / f"{preset}-s{seed}"
    if not read_summary(run_path)["last_step"]:
        return {}
    command = [sys.executable, "-m", "flows.assess", "--preset", preset, "--seed", str(seed), "--lab.gold"]
    done = subprocess.run([*command, "--runs-dir", str(runs_dir)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return read_durability(run_path)


def row(found: dict[str, Any]) -> list[str]:
    if not found:
        return ["no step was accepted", *[""] * (len(COLUMNS) - 3)]
    curves, extraction, membership = found["relearning"], found["extraction"], found["membership"]
    metrics = [
        *(curves["forget"][updates] for updates in ("4", "8", "16")),
        curves["unrelated"]["8"],
        *(extraction[group][name] for group in ("fresh", "saved") for name in ("score", "yield")),
        membership["loss"],
        membership["min_20"],
    ]
    return [" / ".join(f"{metric[when]:.2f}" for when in ("before", "after", "gold")) for metric in metrics]


if __name__ == "__main__":
    main()
