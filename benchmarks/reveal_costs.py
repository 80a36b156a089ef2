"""What Reveal costs, by phase: seconds and tokens, measured on the lab; and on paper what it costs an 8B model.

    python -m benchmarks.reveal_costs [--lab-seed 0] [--targets ...]

Every call to the model, the featurizer, the embedding, the scorer of the target and the bandit is timed. The paper part
takes the numbers of tokens from the 8B preset alone, and two assumptions that are printed with it.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any
from unittest.mock import patch

import torch

from bandit.neural_ucb import NeuralUCB
from flows.command_line import read_preset, validated
from tasks.lab.model import lab_model
from tasks.models.featurizer import Featurizer
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import load_language_model
from tasks.reveal.hidden_state_embedding import HiddenStateEmbedding
from tasks.reveal.reveal import REFERENCE_SIZE, reveal
from tasks.settings.reveal import RevealSettings
from tasks.targets.lab import LabTarget
from tasks.targets.registry import build_target

PRESET_8B = "your-model"
PARAMETERS_8B = 8.03e9
INSTRUCTION_TOKENS = 60
"""Assumed of an instruction in its chat template."""
GENERATED_PER_SECOND = 2500
"""Assumed: tokens that vLLM generates of an 8B model in bfloat16 on one GPU of 80 GB, a hundred sequences at once."""
FLOPS = 150e12
"""Assumed: what such a GPU reaches when it reads many texts at once, in floating point operations a second."""


class Meter:
    """Seconds, calls and tokens by phase."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    def timed(self, phase: str, function: Callable, count: Callable[[Any], dict[str, int]]) -> Callable:
        """The function, with what it takes added to a phase."""

        def wrapped(*arguments: Any, **named: Any) -> Any:
            start = process_time()
            result = function(*arguments, **named)
            self.seconds[phase] += process_time() - start
            self.counts.update(count(result))
            return result

        return wrapped


def measure(lab_seed: int, kind: str) -> tuple[Meter, int]:
    """A whole Reveal of the preset, and its number of queries."""
    settings = validated(read_preset(f"lab-{kind}"))
    lm = load_language_model(lab_model(lab_seed).folder)
    target = build_target(
        settings.target,
        num_prompts=settings.measure.num_prompts,
        max_new_tokens=settings.measure.max_new_tokens,
        seed=0,
    )
    meter = Meter()

    def written(answers: list) -> dict[str, int]:
        return {
            "tokens generated": sum(completion.num_tokens for samples in answers for completion in samples),
            "responses": sum(map(len, answers)),
        }

    phases = (
        ("generation", TransformersGenerator, "generate", written),
        ("features", Featurizer, "features", lambda rows: {"features": len(rows)}),
        ("embeddings", HiddenStateEmbedding, "__call__", lambda rows: {"embedded": len(rows)}),
        ("relevance", LabTarget, "relevance", lambda _: {"judged": 1}),
        ("bandit", NeuralUCB, "ask", lambda arms: {"arms asked": len(arms)}),
    )
    patches = [
        patch.object(owner, name, meter.timed(phase, getattr(owner, name), count))
        for phase, owner, name, count in phases
    ]
    start = process_time()
    with TemporaryDirectory() as folder:
        for one in patches:
            one.start()
        reveal(Path(folder), lm, target, settings.reveal, seed=lab_seed)
        for one in patches:
            one.stop()
    meter.seconds["all"] = process_time() - start
    return meter, meter.counts["arms asked"]


def paper(settings: RevealSettings) -> list[tuple[str, float, float]]:
    """Of each part of a Reveal: tokens read, tokens generated."""
    queries = settings.initial_queries + settings.queries
    length = settings.max_new_tokens
    rescored = settings.keep * settings.rounds
    return [
        ("features of the pools", settings.rounds * settings.pool_size * INSTRUCTION_TOKENS, 0),
        ("reference sample", REFERENCE_SIZE * INSTRUCTION_TOKENS, REFERENCE_SIZE * length),
        ("queries", queries * INSTRUCTION_TOKENS, queries * settings.samples_per_query * length),
        ("best scored again", rescored * INSTRUCTION_TOKENS, rescored * settings.samples_per_query * length),
        ("rewritings", 0, (settings.rounds - 1) * settings.rewrites * INSTRUCTION_TOKENS),
        ("forget set", 0, settings.max_responses * length),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab-seed", type=int, default=0)
    parser.add_argument("--targets", nargs="+", default=["toxicity", "person", "coding", "facts"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    names = ("generation", "embeddings", "relevance", "features", "bandit", "all")
    print("| target | queries | responses | tokens generated | " + " | ".join(f"{name}, s" for name in names) + " |")
    print("|---" * (4 + len(names)) + "|")
    for kind in arguments.targets:
        meter, queries = measure(arguments.lab_seed, kind)
        counts = [queries, meter.counts["responses"], meter.counts["tokens generated"]]
        seconds = [f"{meter.seconds[name]:.2f}" for name in names]
        print("| " + " | ".join([kind, *map(str, counts), *seconds]) + " |", flush=True)

    parts = paper(validated(read_preset(PRESET_8B)).reveal)
    print(
        f"\nOn paper, preset {PRESET_8B}, one GPU, "
        f"{GENERATED_PER_SECOND} tokens generated a second and {FLOPS:.3g} FLOP/s\n"
    )
    print("| part | tokens read | tokens generated, at most | minutes |\n|---|---|---|---|")
    total = 0.0
    for name, read, generated in parts:
        minutes = (2 * PARAMETERS_8B * read / FLOPS + generated / GENERATED_PER_SECOND) / 60
        total += minutes
        print(f"| {name} | {read:,.0f} | {generated:,.0f} | {minutes:.1f} |")
    print(f"| all | | | {total:.1f} ({total / 60:.2f} GPU hours) |")


if __name__ == "__main__":
    main()
