import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parents[2] / "deployments" / "systemd").glob("*.service"))
INSTALLED = "/opt/reveal-release/.venv/bin/prefect"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_units_are_valid(tmp_path):
    """As written, but for the place of the program, which must be there."""
    prefect = str(Path(sys.executable).with_name("prefect"))
    for unit in UNITS:
        text = unit.read_text()
        assert f"ExecStart={INSTALLED} " in text
        (tmp_path / unit.name).write_text(text.replace(INSTALLED, prefect))
    command = ["systemd-analyze", "verify", *map(str, tmp_path.glob("*.service"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_units_keep_files_private_and_secrets_out():
    assert len(UNITS) == 2
    for unit in UNITS:
        lines = unit.read_text().splitlines()
        assert "UMask=0077" in lines
        assert not [line for line in lines if line.startswith("Environment=") and "TOKEN" in line.upper()]
