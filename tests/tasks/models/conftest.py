import os
from pathlib import Path

import pytest

from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.vllm_engine import VllmEngine
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def chat_folder(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "chat")


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "base", chat=False)


@pytest.fixture(scope="session")
def chat_lm(chat_folder) -> LanguageModel:
    return load_language_model(chat_folder)


@pytest.fixture(scope="session")
def base_lm(base_folder) -> LanguageModel:
    return load_language_model(base_folder)


@pytest.fixture(scope="session")
def vllm_engine_of():
    """The engine of a folder; each is started once."""
    engines: dict[tuple[str, str], VllmEngine] = {}

    def engine_of(folder: str | Path, dtype: str = "float32") -> VllmEngine:
        key = (str(folder), dtype)
        if key not in engines:
            engines[key] = VllmEngine(folder, dtype=dtype)
        return engines[key]

    yield engine_of
    for engine in engines.values():
        engine.close()


@pytest.fixture(scope="session")
def stories_lm() -> LanguageModel:
    """A model nobody here made: 260k parameters, byte fallback, no chat template, no pad token."""
    return load_language_model(release_data() / "stories260k")


def release_data() -> Path:
    folder = os.environ.get("REVEAL_RELEASE_DATA")
    if not folder or not (Path(folder) / "stories260k").is_dir():
        pytest.skip("REVEAL_RELEASE_DATA has no stories260k")
    return Path(folder)
