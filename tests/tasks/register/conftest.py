import json

import pytest


@pytest.fixture
def make_model(tmp_path):
    """Makes what passes for a model folder as long as nobody loads it."""

    def make(name: str, content: str = ""):
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"content": content or name}))
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "tokenizer.json").write_text("{}")
        return folder

    return make
