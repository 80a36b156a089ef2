"""A vLLM engine in a child process, as the parent holds it."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tasks.models.child_process import ChildError, ChildProcess
from tasks.models.device import resolve_device
from tasks.models.model_folder import find_model_folder, weight_shapes
from tasks.models.sampling import Sampling
from tasks.models.vllm_installed import require_vllm
from tasks.settings.errors import UserError

log = logging.getLogger(__name__)

_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # as many threads as are asked for, on whichever cores are free
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",  # the folder is here already
}


class VllmEngine:
    """Tokens from tokens or embeddings, by vLLM. The process and its memory go with `close`, or with the parent."""

    def __init__(
        self,
        path: str | Path,
        *,
        device: str = "auto",
        dtype: str = "float32",
        batch_size: int = 128,
        memory: float = 0.5,
    ) -> None:
        """Start the engine, and wait until it has written a token: some ten seconds; GPUs were not tried.

        Args:
            path: Model folder or hub id.
            device: `auto`, `cpu` or `cuda`; vLLM is built for one of them.
            dtype: `float32` or `bfloat16`.
            batch_size: Sequences that are continued at once.
            memory: Share of the accelerator's memory for weights and cache together. On a CPU 1 GiB is cache.

        Raises:
            UserError: vLLM is not installed, or for another device; the folder is none; the engine does not start.
        """
        require_vllm()
        self._folder = find_model_folder(path)
        started = time.monotonic()
        log.info("starting vLLM for %s", path)
        threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
        self._child = ChildProcess("tasks.models.vllm_child", environment=os.environ | _ENVIRONMENT | threads)
        self.close = self._child.close
        """End the engine and give its memory back. May be called twice."""
        try:
            ready = self._child.ask(
                {
                    "do": "start",
                    "folder": str(self._folder.absolute()),
                    "device": resolve_device(device),
                    "dtype": dtype,
                    "max_num_seqs": batch_size,
                    "memory": memory,
                }
            )
        except ChildError as error:
            self.close()
            raise UserError(
                f"model.backend is vllm, whose engine does not start for model.path '{path}' ({error}); use "
                "model.backend transformers, or change model.vllm_memory where memory is the trouble."
            ) from error
        except UserError:
            self.close()
            raise
        self.context: int = ready["context"]
        """Tokens that fit into the model, and into the memory."""
        log.info(
            "vLLM is ready after %.0f s: context %d, %d tokens cached at most",
            time.monotonic() - started,
            self.context,
            ready["cached_tokens"],
        )

    @property
    def pid(self) -> int:
        """Process id of the engine."""
        return self._child.pid

    def complete(
        self,
        contents: Sequence[list[int]] | Sequence[Tensor],
        rows: Sequence[tuple[int, int]],
        *,
        sampling: Sampling,
        end_token_ids: Sequence[int],
    ) -> list[list[int]]:
        """What the model writes in each row, an end token included where there is one.

        Args:
            contents: Token ids, or embeddings `(tokens, hidden_size)`, all of one kind.
            rows: For each row the index of the content it continues, and its seed (64 bits).
            sampling: Length, temperature, nucleus.
            end_token_ids: Tokens that end a row.

        Raises:
            UserError: the engine failed or died.
        """
        embeddings = {
            str(i): item.detach().cpu().contiguous() for i, item in enumerate(contents) if torch.is_tensor(item)
        }
        request = {
            "do": "complete",
            "prompts": None if embeddings else list(contents),
            "rows": list(rows),
            "max_new_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "end_token_ids": list(end_token_ids),
        }
        return self._ask(request, embeddings)["token_ids"]

    def load_weights(self, folder: Path) -> None:
        """Serve other weights of the same architecture from now on, without starting again.

        Raises:
            UserError: the folder holds other weights than those served; the engine goes on with the old ones.
        """
        served, given = weight_shapes(self._folder), weight_shapes(find_model_folder(folder))
        # A head that is tied to the embeddings may be in the files or not.
        if wrong := [name for name in served if given.get(name) != served[name] and name != "lm_head.weight"]:
            raise UserError(
                f"the weights in '{folder}' are not those of '{self._folder}' with other values: {wrong[0]} is "
                f"{given.get(wrong[0], 'missing')} and not {served[wrong[0]]}; give a checkpoint of the same model."
            )
        self._ask({"do": "load_weights", "folder": str(folder.absolute())})

    def _ask(self, request: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> dict[str, Any]:
        try:
            return self._child.ask(request, tensors or {})
        except ChildError as error:
            raise UserError(
                f"model.backend is vllm, whose engine failed ({error}); lower model.batch_size or model.vllm_memory "
                "where memory was short, or use model.backend transformers."
            ) from error
