"""SIGKILL at moments spread over a run, each followed by the same command; the outcome must be as if nothing happened.

    python -m benchmarks.kills [--kills 20] [--preset lab-toxicity] [--runs-dir DIR]

Compares every file of the model, the adapters and the forget set byte by byte, and counts units that were made twice.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tasks.store.digests import file_digest
from tasks.store.manifests import MANIFEST, read_manifest

EXEMPT = {MANIFEST, "ledger.jsonl", "summary.json", "settings.yaml", "certificate.json", "certificate.md"}
"""Files that hold times."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--preset", default="lab-toxicity")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/kills"))
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "flows.reveal_release", "--preset", arguments.preset, "--runs-dir"]
    whole, killed = arguments.runs_dir / "whole", arguments.runs_dir / "killed"
    folder = f"{arguments.preset}-s0"

    code, all_s = timed([*command, str(whole)])
    _, start_s = timed([*command, str(whole)])  # Everything is done: what remains are imports, Prefect, the store.
    chance = random.Random(0)
    ended: dict[str, str] = {}
    made_again: set[str] = set()
    kills = 0
    while True:
        # Killed so long after it began to do something new; a restart first walks through what is done.
        share_s = (all_s - start_s) / arguments.kills * chance.uniform(0.2, 1.6) if kills < arguments.kills else None
        killed_code = run_for(share_s, [*command, str(killed)], killed / folder)
        for manifest in (killed / folder).rglob(MANIFEST):
            unit, moment = str(manifest.parent.relative_to(killed / folder)), read_manifest(manifest.parent)["ended"]
            if ended.setdefault(unit, moment) != moment:
                made_again.add(unit)
        if killed_code is not None:
            break
        kills += 1
        print(f"kill {kills}: {len(ended)} units finished", flush=True)

    expected, got = contents(whole / folder), contents(killed / folder)
    different = sorted(name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name))
    print(f"a run {all_s:.0f} s, {start_s:.0f} s when all is done")
    print(f"exit codes {code} and, after {kills} kills, {killed_code}")
    print(
        f"{len(expected)} files compared, {len(different)} differ {different}; units made again: {sorted(made_again)}"
    )
    raise SystemExit(bool(different or made_again or code != killed_code))


def timed(command: list[str]) -> tuple[int, float]:
    started = time.monotonic()
    return subprocess.run(command, capture_output=True, check=False).returncode, time.monotonic() - started


def run_for(seconds: float | None, command: list[str], folder: Path) -> int | None:
    """The exit code, or None where the process and its children were killed so long after their first new file."""
    before = files(folder)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while seconds is not None and files(folder) == before and process.poll() is None:
        time.sleep(0.02)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def files(folder: Path) -> set[Path]:
    """What is in a run's folder; the lock and what it is written through do not count as work."""
    return {
        path for path in folder.rglob("*") if not path.name.startswith((".lock", ".ledger", ".summary", ".settings"))
    }


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): file_digest(path)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in EXEMPT and not path.name.startswith(".")
    }


if __name__ == "__main__":
    main()
