"""SIGKILL at moments spread over a run, each followed by the same command; the outcome must be as if nothing happened.

    python -m benchmarks.kills [--kills 20] [--preset lab-toxicity] [--runs-dir DIR]

Compares every file of the model, the adapters and the forget set byte by byte, and counts units that were made twice.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tasks.store.digests import file_digest
from tasks.store.manifests import MANIFEST

EXEMPT = {MANIFEST, "ledger.jsonl", "summary.json", "settings.yaml", "card.md"}
"""Files that hold times."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--preset", default="lab-toxicity")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/kills"))
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "flows.reveal_release", "--preset", arguments.preset]

    started = time.monotonic()
    once = subprocess.run([*command, "--runs-dir", str(arguments.runs_dir / "whole")], capture_output=True, check=False)
    duration = time.monotonic() - started
    chance = random.Random(0)
    made: dict[str, str] = {}
    twice = kills = 0
    run_dir = arguments.runs_dir / "killed"
    folder = run_dir / f"{arguments.preset}-s0"
    while True:
        # Most of a start is imports; what is drawn beyond it moves each attempt on by a little.
        process = subprocess.Popen([*command, "--runs-dir", str(run_dir)], stdout=-3, stderr=-3, start_new_session=True)
        try:
            code = process.wait(
                chance.uniform(0.3, 2.5) * duration / arguments.kills + 8 if kills < arguments.kills else None
            )
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills, code = kills + 1, None
        for manifest in folder.rglob(MANIFEST):
            unit, ended = str(manifest.parent.relative_to(folder)), json.loads(manifest.read_text())["ended"]
            twice += made.setdefault(unit, ended) != ended
        if code is not None:
            break
    whole, killed = contents(arguments.runs_dir / "whole" / folder.name), contents(folder)
    different = sorted(name for name in whole.keys() | killed.keys() if whole.get(name) != killed.get(name))
    print(f"kills {kills}; exit codes {once.returncode} and {code}; files compared {len(whole)}")
    print(f"files that differ {len(different)} {different}; finished units made again {twice}")
    raise SystemExit(bool(different or twice))


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): file_digest(path)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in EXEMPT and not path.name.startswith(".")
    }


if __name__ == "__main__":
    main()
