import os
from pathlib import Path

import pytest

from tasks.models.language_model import LanguageModel, load_language_model
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("sisa") / "model")


@pytest.fixture
def lm(base: Path) -> LanguageModel:
    return load_language_model(base)


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk is most of the time of trainings as small as these."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
