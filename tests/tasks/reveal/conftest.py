import os

import pytest

from tasks.models.language_model import LanguageModel, load_language_model
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def chat_lm(tmp_path_factory) -> LanguageModel:
    return load_language_model(make_tiny_model(tmp_path_factory.mktemp("models") / "chat"))


@pytest.fixture(scope="session")
def base_lm(tmp_path_factory) -> LanguageModel:
    return load_language_model(make_tiny_model(tmp_path_factory.mktemp("models") / "base", chat=False))


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch):
    """Waiting for the disk is most of the time of a search as small as these."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
