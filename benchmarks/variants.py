"""What each part of the release adds: presets with one thing changed at a time, whole runs through the command line.

    python -m benchmarks.lab_runs                  # the presets as they are, whose search and forget set are taken over
    python -m benchmarks.variants [--runs-dir DIR] [--seeds 0] [--targets ...] [--variants ...]
    python -m benchmarks.variants --grid           # nine pairs of fixed merge weights against chosen ones

Prints markdown. Runs that are finished answer from the store.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.lab_runs import TARGETS
from flows.command_line import read_preset, validated
from flows.opening import open_run
from tasks.report.summary import read_summary

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "no gate": {"open_below": 100.0, "few_open": 0.0},
    "parallel order": {"order": "parallel"},
    "fixed weights 1, 1": {"weights": "fixed"},
    "weights by a model": {"weights": "model"},
    "weights by the worst precision": {"objective": "worst"},
    "O-LoRA 0.5": {"orthogonality": 0.5},
    "revealed again every 4": {"reveal_again": 4},
}
GRID: dict[str, dict[str, Any]] = {
    f"fixed {a:g}, {b:g}": {"weights": "fixed", "forget_weight": a, "retain_weight": b}
    for a in (0.5, 1.0, 2.0)
    for b in (0.5, 1.0, 1.5)
}
REVEALED = ("retain-set", "search", "forget-set")
"""Units that no variant changes: taken over from the run of the preset as it is, whose keys are the same."""
COLUMNS = (
    "target", "variant", "seed", "verdict", "steps", "forget", "int4_g64", "largest drop", "perplexity",
    "NLL true answers", "prefill", "sampled", "sequences probed", "s release", "s measure",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/benchmark"), help="that of benchmarks.lab_runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=TARGETS)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--grid", action="store_true", help="fixed merge weights instead of the variants")
    arguments = parser.parse_args()
    chosen = {"as it is": {}, **GRID} if arguments.grid else {name: VARIANTS[name] for name in arguments.variants}
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)
    for target in arguments.targets:
        for name, changes in chosen.items():
            for seed in arguments.seeds:
                run_path = run(target, name, changes, seed, arguments.runs_dir)
                print("| " + " | ".join([target, name, str(seed), *row(run_path)]) + " |", flush=True)


def run(target: str, variant: str, changes: dict[str, Any], seed: int, runs_dir: Path) -> Path:
    """The folder of a finished run."""
    preset = f"lab-{target}"
    base = runs_dir / f"{preset}-s{seed}"
    if not changes:
        return base
    name = "-".join([target, *"".join(c if c.isalnum() else " " for c in variant.lower()).split(), f"s{seed}"])
    settings = validated(
        read_preset(preset) | {"name": name, "seed": seed, "runs_dir": str(runs_dir)}
        | {"release": read_preset(preset)["release"] | changes}
    )  # fmt: skip
    opened, _ = open_run(settings)
    for unit in REVEALED:
        if not (opened.path / unit).exists():
            shutil.copytree(base / unit, opened.path / unit)
    flags = [part for field, value in changes.items() for part in (f"--release.{field}", str(value))]
    command = [sys.executable, "-m", "flows.reveal_release", "--preset", preset, "--seed", str(seed), "--name", name]
    done = subprocess.run([*command, "--runs-dir", str(runs_dir), *flags], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    return opened.path


def row(run_path: Path) -> list[str]:
    summary = read_summary(run_path)
    before, after = (
        {name: metric[when] for name, metric in summary["utility"].items()} for when in ("before", "after")
    )
    depth, perplexity = summary["depth"], summary["fluency"]["perplexity"]
    return [
        summary["verdict"],
        f"{sum(step['accepted'] for step in summary['steps'])} of {len(summary['steps'])}",
        f"{summary['forget']['after']:.3f}",
        f"{summary['quantised']['int4_g64']['forget']['after']:.3f}",
        f"{max(before[name] - after[name] for name in before):.3f}",
        f"{perplexity['after'] / perplexity['before'] - 1:+.1%}",
        f"{depth['forget_nll']['after']:.2f}",
        f"{depth['prefill']['after']:.2f}",
        f"{depth['sampled']['after']:.2f}",
        str(sequences(run_path)),
        *(f"{summary['seconds'][phase]:.0f}" for phase in ("release", "measure")),
    ]


def sequences(run_path: Path) -> int:
    """Sequences read to choose merge weights, over all steps."""
    read = [json.loads(path.read_text())["choice"] for path in run_path.glob("step-*/merge.json")]
    read += [json.loads(path.read_text()) for path in run_path.glob("step-*/forget-weight/choice.json")]
    return sum(one["sequences"] for one in read if one)


if __name__ == "__main__":
    main()
