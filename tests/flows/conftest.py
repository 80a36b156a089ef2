import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = (
    *("--reveal.pool-size", "60", "--reveal.initial-queries", "4", "--reveal.queries", "4", "--reveal.keep", "2"),
    *("--reveal.samples-per-query", "8", "--reveal.forget-set-size", "48", "--release.retain-size", "64"),
    *("--measure.tune-prompts", "16", "--measure.report-prompts", "16", "--release.steps", "2"),
)
"""A run of seconds: far too small to forget anything, so it ends rejected."""


def command_line(*arguments: str, module: str = "flows.reveal_release") -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def run_command(*arguments: str, module: str = "flows.reveal_release") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run(
        command_line(*arguments, module=module), capture_output=True, text=True, check=False, env=environment
    )


@pytest.fixture(scope="session")
def accepted_run(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The demo: the default preset, from the command line."""
    runs_dir = tmp_path_factory.mktemp("demo")
    done = run_command("--runs-dir", str(runs_dir))
    return runs_dir / "lab-toxicity-s0", done


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    runs_dir = tmp_path_factory.mktemp("small")
    done = run_command("--runs-dir", str(runs_dir), *SMALL)
    return runs_dir / "lab-toxicity-s0", done
