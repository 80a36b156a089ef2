"""What `python -m tests.chaos.kills` does, a few times."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("arguments", [["--kills", "3"], ["--kills", "1", "--full-disk"]], ids=" ".join)
def test_the_next_night_ends_as_if_nothing_had_happened(arguments):
    command = [sys.executable, "-m", "tests.chaos.kills", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{arguments[1]} disturbed, 0 of them" in done.stdout
