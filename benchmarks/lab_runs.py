"""The README's table: four lab targets, three seeds, each a whole run through the command line, gold model included.

    python -m benchmarks.lab_runs [--runs-dir DIR] [--seeds 0 1 2]

Prints markdown. Runs that are finished answer from the store.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from tasks.report.summary import read_summary

TARGETS = ("toxicity", "person", "coding", "facts")
COLUMNS = (
    "target", "seed", "forget", "at int4_g64", "primary kept", "largest other drop", "largest drop at int4_g64",
    "perplexity", "NLL true answers", "prefill", "sampled", "steps", "verdict", "s reveal", "s release", "s measure",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)
    for target in TARGETS:
        for seed in arguments.seeds:
            summary = run(f"lab-{target}", seed, arguments.runs_dir)
            print("| " + " | ".join(row(summary)) + " |", flush=True)


def run(preset: str, seed: int, runs_dir: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "flows.reveal_release", "--preset", preset, "--seed", str(seed), "--lab.gold"]
    done = subprocess.run([*command, "--runs-dir", str(runs_dir)], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    return read_summary(runs_dir / f"{preset}-s{seed}")


def row(summary: dict[str, Any]) -> list[str]:
    if "forget" not in summary:
        return [summary["target"], str(summary["seed"]), *[""] * 10, summary["verdict"], "", "", ""]
    depth, fluency, seconds = summary["depth"], summary["fluency"], summary["seconds"]
    drops = {
        name: metric["before"] - metric["after"]
        for name, metric in summary["utility"].items()
        if name != summary["primary"]
    }
    worst = max(drops, key=drops.__getitem__)
    rounded = summary["quantised"]["int4_g64"]
    lost = max(
        rounded["utility"], key=lambda name: rounded["utility"][name]["before"] - rounded["utility"][name]["after"]
    )
    return [
        summary["target"],
        str(summary["seed"]),
        change(summary["forget"]),
        change(rounded["forget"]),
        f"{summary['primary']} {change(summary['utility'][summary['primary']])}",
        f"{worst} {change(summary['utility'][worst])}",
        f"{lost} {change(rounded['utility'][lost])}",
        change(fluency["perplexity"]),
        with_gold(depth["forget_nll"]),
        with_gold(depth["prefill"]),
        with_gold(depth["sampled"]),
        str(sum(step["accepted"] for step in summary["steps"])),
        summary["verdict"],
        *(f"{seconds[phase]:.1f}" for phase in ("reveal", "release", "measure")),
    ]


def change(metric: dict[str, Any]) -> str:
    return f"{metric['before']:.3f} → {metric['after']:.3f}"


def with_gold(metric: dict[str, Any]) -> str:
    return f"{metric['before']:.2f} → {metric['after']:.2f} (gold {metric['gold']:.2f})"


if __name__ == "__main__":
    main()
