"""What generates: our own loop on transformers, vLLM, or a server. No torch here until a generator is opened."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.models.model_folder import find_model_folder, weight_shapes
from tasks.models.vllm_installed import is_vllm_installed, require_vllm
from tasks.settings.errors import UserError
from tasks.settings.model import LAB

if TYPE_CHECKING:
    from tasks.models.generator import Generator
    from tasks.models.language_model import LanguageModel

Backend = Literal["transformers", "vllm", "openai"]

_VLLM_FROM = 10_000_000
"""Parameters of a model from which `auto` takes vLLM.

Tokens a second of vLLM over those of our loop (`benchmarks.generation`; a CPU, one thread each, float32, batch
1 / 16 / 64 / 256): 0.5 M parameters 0.5 / 0.7 / 0.7 / 0.6; 6 M 0.7 / 1.0 / 1.0 / 1.2; 15 M 0.7 / 1.0 / 1.0 / 1.2; 77 M
0.8 / 1.1 / 1.1 / not tried. vLLM takes some 15 s to start, and 1.7 GiB. On a GPU this was not measured.
"""
_HEADS_ON_CPU = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)
"""Sizes of attention heads that vLLM 0.32 knows on a CPU."""


def resolve_backend(setting: Literal["auto"] | Backend, *, path: str | Path, device: str) -> Backend:
    """The backend that is meant; `auto` takes vLLM where it is installed and the model is large enough to gain by it.

    Args:
        setting: As the user gave it.
        path: Model folder, hub id or `lab`.
        device: `cpu` or `cuda`.

    Raises:
        UserError: vLLM is asked for and not installed; what `find_model_folder` refuses.
    """
    if setting == "vllm":
        require_vllm()
    if setting != "auto":
        return setting
    if path == LAB or not is_vllm_installed():
        return "transformers"
    folder = find_model_folder(path)
    is_large = sum(map(prod, weight_shapes(folder).values())) >= _VLLM_FROM
    can_run = device != "cpu" or _head_size(folder) in _HEADS_ON_CPU
    return "vllm" if is_large and can_run else "transformers"


@contextmanager
def open_generator(
    path: str | Path,
    lm: "LanguageModel | None" = None,
    *,
    backend: Backend,
    device: str = "auto",
    dtype: str = "float32",
    batch_size: int = 128,
    vllm_memory: float = 0.5,
    api_url: str = "",
    api_model: str = "",
) -> "Iterator[Generator]":
    """A generator for as long as the block lasts; what it held is free afterwards.

    Args:
        path: Model folder or hub id.
        lm: The same model, where it is loaded already: transformers then generates with it, the others use its
            tokenizer and take the weights from `path` or from the server.
        backend: What generates.
        device: `auto`, `cpu` or `cuda`.
        dtype: `float32` or `bfloat16`.
        batch_size: Sequences, or requests, under way at once.
        vllm_memory: Share of the accelerator's memory that vLLM may take.
        api_url: Address of the server, up to and with `/v1`.
        api_model: Name under which the server serves the model; empty where it serves one only.

    Raises:
        UserError: the backend cannot be used for this model, or not with these settings.
    """
    from tasks.models.codec import load_codec
    from tasks.models.generator import TransformersGenerator
    from tasks.models.language_model import load_language_model

    match backend:
        case "transformers":
            lm = lm or load_language_model(path, device=device, dtype=dtype)
            generator = TransformersGenerator(lm, batch_size=batch_size)
        case "vllm":
            from tasks.models.vllm_engine import VllmEngine
            from tasks.models.vllm_generator import VllmGenerator

            codec = lm or load_codec(path)
            engine = VllmEngine(path, device=device, dtype=dtype, batch_size=batch_size, memory=vllm_memory)
            generator = VllmGenerator(codec, engine)
        case "openai":
            from tasks.models.openai_generator import OpenAIGenerator

            if not api_url:
                raise UserError(
                    "model.backend is openai, but model.api_url is empty; give the address of the server, such as "
                    "http://127.0.0.1:8000/v1."
                )
            generator = OpenAIGenerator(lm or load_codec(path), api_url, model=api_model, batch_size=batch_size)
    with closing(generator):
        yield generator


def _head_size(folder: Path) -> int | None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if "head_dim" in config:
        return config["head_dim"]
    width, heads = config.get("hidden_size"), config.get("num_attention_heads")
    return width // heads if width and heads else None
