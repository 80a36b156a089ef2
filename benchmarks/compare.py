"""The other methods beside ours: all on one seed, and the nearest to ours on three, for each lab target.

    python -m benchmarks.lab_runs      # the runs whose forget sets all methods are given
    python -m benchmarks.compare [--runs-dir DIR] [--targets ...] [--seeds 0 1 2]

Prints markdown, means over the seeds. What is finished answers from the store; the pages are below the runs' folder, in
`compare-<preset>-all` and `compare-<preset>`.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.lab_runs import TARGETS
from tasks.report.comparison import comparison_rows, read_comparison
from tasks.report.tables import markdown_table
from tasks.settings.compare import TRIED

NEAREST = ("npo", "grad-diff")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/benchmark"), help="that of benchmarks.lab_runs")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=TARGETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    for target in arguments.targets:
        first = arguments.seeds[:1]
        folder = compare(target, first, [*TRIED, *(["sisa"] if target == "facts" else [])], arguments.runs_dir)
        shutil.copytree(folder, folder.with_name(f"{folder.name}-all"), dirs_exist_ok=True)
        print_table(target, first, folder)
        if len(arguments.seeds) > 1:
            print_table(target, arguments.seeds, compare(target, arguments.seeds, NEAREST, arguments.runs_dir))


def print_table(target: str, seeds: list[int], folder: Path) -> None:
    print(f"{target}, seeds {seeds}\n\n{markdown_table(comparison_rows(read_comparison(folder)))}\n", flush=True)


def compare(target: str, seeds: list[int], methods: list[str] | tuple[str, ...], runs_dir: Path) -> Path:
    """The folder of a finished comparison; each call writes it anew."""
    preset = f"lab-{target}"
    command = [sys.executable, "-m", "flows.compare", "--preset", preset, "--lab.gold", "--runs-dir", str(runs_dir)]
    command += ["--compare.seeds", str(list(seeds)), "--compare.methods", f"[{', '.join(methods)}]"]
    if len(seeds) == 1:
        command += ["--compare.true-data", "[npo]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return runs_dir / f"compare-{preset}"


if __name__ == "__main__":
    main()
