"""vLLM's greedy answers of a model, with and without an adapter, in a process of its own; prints token ids as JSON.

python -m tests.tasks.release.vllm_greedy MODEL ADAPTER TOKEN_IDS
"""

import json
import os
import sys

if __name__ == "__main__":
    model, adapter, prompts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    llm = LLM(
        model=model,
        dtype="float32",
        max_model_len=64,
        enforce_eager=True,
        gpu_memory_utilization=0.01,
        kv_cache_memory_bytes=64 << 20,
        enable_lora=bool(adapter),
        max_lora_rank=32,
    )
    sampling = SamplingParams(temperature=0, max_tokens=8, ignore_eos=True, detokenize=False)
    written = []
    for request in (None, LoRARequest("release", 1, adapter)) if adapter else (None,):
        done = llm.generate([{"prompt_token_ids": ids} for ids in prompts], sampling, lora_request=request)
        written.append([list(one.outputs[0].token_ids) for one in done])
    print("WRITTEN " + json.dumps(written))  # noqa: T201
