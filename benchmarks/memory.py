"""The memory model of docs/memory.md against measured peaks, and what it predicts for a model of 8B.

    python -m benchmarks.memory [--dtype float32 bfloat16]   three small sizes on a CPU, then the predictions
    python -m benchmarks.memory --cuda                        the true Llama-3-8B shape with random weights, on a GPU

Prints markdown. A peak is what the allocator hands out on top of the model: every allocation and release, temporaries
of operators included, as torch's profiler records them on a CPU, and `max_memory_allocated` on CUDA.
"""

import argparse
import gc
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import torch
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from torch.profiler import ProfilerActivity, profile
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel, save_language_model
from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.models.sampling import Sampling
from tasks.models.shape import Shape
from tasks.release.adapter import Adapter
from tasks.release.memory import adapters_bytes, likelihood_bytes, merge_bytes, training_bytes, writing_bytes
from tasks.release.merge import Checkpoints, Update
from tasks.release.training import train_adapter

RANK = 16
PROMPT, RESPONSE = 32, 96
"""Tokens."""


LLAMA3_8B = Shape(4096, 14336, 32, 128256, 32, 8, element=2)
SIZES = (
    Shape(256, 896, 4, 4096, 8, 2, element=4),
    Shape(384, 1344, 6, 8192, 12, 3, element=4),
    Shape(512, 1792, 8, 16384, 8, 2, element=4),
)


def random_model(shape: Shape, device: str) -> LanguageModel:
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_size or None,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
    )
    dtype = torch.float32 if shape.element == 4 else torch.bfloat16
    with torch.random.fork_rng(), torch.device(device):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa")
    words = ["<unk>", "<end>", *(f"w{i}" for i in range(2, shape.vocabulary))]
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", eos_token="<end>", pad_token="<end>")
    return LanguageModel(model.to(device).eval().requires_grad_(False), tokenizer)


def pairs(num: int) -> list[Pair]:
    """Texts of exactly the lengths above; the response takes the space before it along."""
    return [
        Pair(
            " ".join(f"w{2 + (i + j) % 97}" for j in range(PROMPT)),
            "".join(f" w{2 + (3 * i + j) % 89}" for j in range(RESPONSE)),
            complete=False,
        )
        for i in range(num)
    ]


def peak_bytes(work: Callable[[], object]) -> int:
    """The most that is held at once during the work, beyond what is held before it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def train(lm: LanguageModel, sequences: int, *, num_steps: int, gradient_checkpointing: bool) -> Adapter:
    return train_adapter(
        lm,
        pairs(sequences),
        rank=RANK,
        alpha=2 * RANK,
        learning_rate=1e-4,
        num_steps=num_steps,
        batch_size=sequences,
        max_grad_norm=1.0,
        seed=0,
        gradient_checkpointing=gradient_checkpointing,
    )


def cases(lm: LanguageModel, shape: Shape, folder: Path, sequences: int) -> Iterator[tuple[str, int, int]]:
    """What was done, the predicted peak, the measured one."""
    length = PROMPT + RESPONSE
    how = {"sequences": sequences, "length": length, "response": RESPONSE}
    for checkpointing in (False, True):
        predicted = training_bytes(shape, rank=RANK, gradient_checkpointing=checkpointing, **how)
        if torch.cuda.is_available() and predicted + shape.model > torch.cuda.mem_get_info()[1]:
            continue
        measured = peak_bytes(lambda on=checkpointing: train(lm, sequences, num_steps=2, gradient_checkpointing=on))
        yield f"training, {'checkpointing' if checkpointing else 'all kept'}", predicted, measured

    adapter = train(lm, sequences, num_steps=1, gradient_checkpointing=True)
    updates = [Update(adapter, -0.1), Update(adapter, 0.1)]
    checkpoints = Checkpoints(folder)
    is_cuda = lm.device.type == "cuda"
    measured = peak_bytes(lambda: checkpoints.apply(lm, updates))
    mapped = 0 if is_cuda else (folder / "model.safetensors").stat().st_size
    yield "merge of one step", merge_bytes(shape, rank=RANK, steps=1, is_cuda=is_cuda), measured - mapped

    measured = peak_bytes(lambda: nll_per_token(lm, pairs(sequences), batch_size=sequences))
    yield "likelihood", likelihood_bytes(shape, **how), measured

    generator = TransformersGenerator(lm, batch_size=sequences)
    prompts = [pair.prompt for pair in pairs(sequences)]
    sampling = Sampling(max_new_tokens=RESPONSE, temperature=0.0)
    measured = peak_bytes(lambda: generator.generate(prompts, sampling=sampling, seed=0))
    yield "writing", writing_bytes(shape, sequences=sequences, prompt=PROMPT, new=RESPONSE), measured


def compare(shape: Shape, device: str, sequences: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lm = random_model(shape, device)
        save_language_model(lm, Path(folder))
        for name, predicted, measured in cases(lm, shape, Path(folder), sequences):
            cells = [f"{shape.model / 2**20:.1f}", str(8 * shape.element), name]
            cells += [f"{predicted / 2**20:.1f}", f"{measured / 2**20:.1f}", f"{predicted / measured:.2f}"]
            print("|", " | ".join([*cells, f"{measured / shape.model:.2f}"]), "|", flush=True)
        if device == "cuda":
            print_speed(lm, Path(folder), sequences)


def print_speed(lm: LanguageModel, folder: Path, sequences: int) -> None:
    moments: list[float] = []
    num_steps = 10
    adapter = train_adapter(
        lm,
        pairs(sequences),
        rank=RANK,
        alpha=2 * RANK,
        learning_rate=1e-4,
        num_steps=num_steps,
        batch_size=sequences,
        max_grad_norm=1.0,
        seed=0,
        gradient_checkpointing=True,
        progress=lambda *_: moments.append(monotonic()),
    )
    tokens = (num_steps - 1) * sequences * (PROMPT + RESPONSE)
    print(f"\nadapter training, gradient checkpointing: {tokens / (moments[-1] - moments[0]):.0f} tokens/s", flush=True)
    checkpoints = Checkpoints(folder)
    for name in ("first merge, files perhaps cold", "merge again"):
        started = monotonic()
        checkpoints.apply(lm, [Update(adapter, -0.1), Update(adapter, 0.1)])
        torch.cuda.synchronize()
        print(f"{name}: {monotonic() - started:.1f} s", flush=True)


def print_predictions() -> None:
    shape, gib = LLAMA3_8B, 2**30
    print(f"\nNot measured: Llama-3-8B, bfloat16, rank {RANK}, GiB, with the model's {shape.model / gib:.1f}\n")
    print(
        "| what | tokens in a pass, of them response | on the device | fits 24 GB | fits 80 GB |\n" + "|---" * 5 + "|"
    )
    rows = []
    for sequences, length, response in ((1, 512, 384), (8, 256, 192), (16, 512, 384)):
        for checkpointing in (False, True):
            how = {"sequences": sequences, "length": length, "response": response, "rank": RANK}
            more = training_bytes(shape, gradient_checkpointing=checkpointing, **how)
            kind = f"training, {'checkpointing' if checkpointing else 'all kept'}"
            rows.append((kind, f"{sequences * length}, {sequences * response}", more))
    rows.append(("merge, step 16", "", merge_bytes(shape, rank=RANK, steps=16, is_cuda=True)))
    for sequences in (8, 64):
        tokens = f"{sequences * 256}, {sequences * 160}"
        rows.append(("likelihood", tokens, likelihood_bytes(shape, sequences=sequences, length=256, response=160)))
        rows.append(("writing", tokens, writing_bytes(shape, sequences=sequences, prompt=96, new=160)))
    for kind, tokens, more in rows:
        total = shape.model + more
        fits = ["yes" if total < 0.92 * size * 1e9 else "no" for size in (24, 80)]  # the rest: CUDA, fragments
        print(f"| {kind} | {tokens} | {total / gib:.1f} | {' | '.join(fits)} |")
    print(f"\nOn the host, factors of 16 steps: {adapters_bytes(shape, rank=RANK, steps=16) / gib:.1f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuda", action="store_true")
    parser.add_argument("--dtype", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    parser.add_argument("--sequences", type=int, default=8)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| model, MiB | bits | what | predicted, MiB | measured | ratio | measured / model |\n" + "|---" * 7 + "|")
    if arguments.cuda:
        compare(LLAMA3_8B, "cuda", arguments.sequences)
    else:
        for dtype in arguments.dtype:
            for shape in SIZES:
                compare(replace(shape, element=getattr(torch, dtype).itemsize), "cpu", arguments.sequences)
    print_predictions()


if __name__ == "__main__":
    main()
