"""Where a result came from: code revision, package versions, host. Recorded, and no part of any key."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "transformers", "peft", "prefect", "scikit-learn")


@cache
def provenance() -> dict:
    """Revision, versions and host of this process, as JSON values."""
    versions = {"python": platform.python_version()} | {package: _version(package) for package in PACKAGES}
    return {"revision": git_revision(Path(__file__).parents[2]), "packages": versions, "host": platform.node()}


def git_revision(root: Path) -> str | None:
    """The commit a checkout is at, with ``-dirty`` when tracked files were changed; None outside a checkout."""
    # The git folder is given, not searched for: an installed package must not report the repository its venv lies in.
    describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603
            ["git", f"--git-dir={root / '.git'}", f"--work-tree={root}", *describe],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
