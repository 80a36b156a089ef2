import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def base(tiny_folder: Path) -> Path:
    return tiny_folder


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk is most of the time of trainings as small as these."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
