"""Which model forgets, and on what it runs."""

from typing import Literal

from pydantic import Field

from tasks.settings.base import Settings

LAB = "lab"


class ModelSettings(Settings):
    """The model that is to forget."""

    path: str = LAB
    """A folder with safetensors weights, a hub id (`org/name`), or `lab`: the small model trained here on first use."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; `auto` takes CUDA where there is one."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the model's weights; adapters and merges are computed in float32 either way."""
    threads: int = Field(1, ge=1, le=256)
    """CPU threads of torch. Results are byte-identical only at the same number of threads."""
    batch_size: int = Field(128, ge=1)
    """Sequences generated or measured at once."""
    backend: Literal["auto", "transformers", "vllm", "openai"] = "auto"
    """What generates in the reveal: `transformers`, our own loop; `vllm`, an engine in a process of its own (an extra);
    `openai`, a server that serves the same model; `auto`, vLLM where it is installed and the model large enough."""
    vllm_memory: float = Field(0.5, gt=0, lt=1)
    """Share of the accelerator's memory for vLLM; the model that gives the features stays loaded beside it."""
    api_url: str = ""
    """`openai`: address of the server, up to and with `/v1`; the API key is the environment's OPENAI_API_KEY."""
    api_model: str = ""
    """`openai`: name under which the server serves the model; empty where it serves one only."""


class LabSettings(Settings):
    """The lab model (only with `model.path lab`)."""

    gold: bool = False
    """Also train the gold standard: the lab model trained again without the forget data, measured beside the result."""
