import os
from pathlib import Path

import pytest

from tasks.models.language_model import LanguageModel, load_language_model
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("recovery") / "model")


@pytest.fixture
def lm(model_folder: Path) -> LanguageModel:
    return load_language_model(model_folder)


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk is most of the time of a search as small as these."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
