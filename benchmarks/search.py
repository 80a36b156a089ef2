"""Does the bandit find better instructions than chance does, for the same number of questions to the model?

    python -m benchmarks.search                                   # what is reported: lab models 0 to 9
    python -m benchmarks.search --lab-seeds 10 --search-seeds 5 --exploration 0 0.1 0.3 1     # how it was tuned

Random search is the same search with all of its queries drawn as initial ones; greedy has no exploration bonus. All
methods begin with the same initial instructions, and the same instruction gets the same samples in all of them. The
queried instructions are those after the initial ones. The instruction found is the one that the search trusts: the best
of its few best by fresh samples; what stands here are scores of samples fresher still.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from time import process_time

import torch

from tasks.lab.model import lab_model
from tasks.models.featurizer import Featurizer
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.sampling import Sampling
from tasks.reveal.embedding import embed
from tasks.reveal.query import Query
from tasks.reveal.search import search_instructions
from tasks.store.seeds import derive_seed
from tasks.targets.registry import build_target
from tasks.targets.target import Target

INITIAL, QUERIES, POOL, SAMPLES, KEEP, ALPHA = 10, 40, 3000, 24, 6, 0.5
FRESH_SCORES = 8
"""Scores, each of fresh samples, that the instruction found is judged by."""
SAMPLING = Sampling(max_new_tokens=48)

T_975 = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t for a two-sided 95% interval, by degrees of freedom from 1."""


@dataclass(frozen=True)
class Method:
    """One way to spend the queries."""

    name: str
    initial: int
    chosen: int
    rounds: int
    exploration: float


@dataclass(frozen=True)
class Outcome:
    """What a search was worth."""

    queried: float
    """Mean score of the instructions after the initial ones."""
    found: float
    """Score of the instruction found, on fresh samples."""
    top: float
    """Mean score of the few best, on fresh samples."""
    seconds: float
    """Of the CPU."""


def methods(explorations: Sequence[float]) -> list[Method]:
    """Random search, and for each exploration constant the bandit on one pool and on one that is refreshed."""
    bandits = [
        Method(f"{'greedy' if nu == 0 else f'NeuralUCB {nu:g}'}, {words}", INITIAL, QUERIES, rounds, nu)
        for rounds, words in ((1, "one pool"), (2, "refreshed pool"))
        for nu in explorations
    ]
    return [Method("random", INITIAL + QUERIES, 0, 1, 0.0), *bandits]


def run(method: Method, lm: LanguageModel, target: Target, seed: int) -> Outcome:
    """One search and what it was worth."""
    generator = TransformersGenerator(lm, batch_size=128)
    start = process_time()
    with TemporaryDirectory() as folder:
        result = search_instructions(
            Path(folder),
            target=target,
            generator=generator,
            features=Featurizer(lm, batch_size=256).features,
            pool_size=POOL,
            rounds=method.rounds,
            initial_queries=method.initial,
            queries=method.chosen,
            samples_per_query=SAMPLES,
            sampling=SAMPLING,
            alpha=ALPHA,
            exploration=method.exploration,
            keep=KEEP,
            seed=seed,
        )
    seconds = process_time() - start
    query = Query(target, generator, embed, SAMPLES, SAMPLING, ALPHA)
    found = [query(result.best.instruction, seed=derive_seed(seed, "benchmark", k)).score for k in range(FRESH_SCORES)]
    return Outcome(
        queried=mean(item.reward.score for item in result.instructions[INITIAL:]),
        found=mean(found),
        top=mean(item.rescored.score for item in result.instructions if item.rescored),
        seconds=seconds,
    )


def interval(values: Sequence[float]) -> str:
    """Mean and half of the 95% interval."""
    if len(values) < 2:
        return f"{mean(values):.3f}"
    t = T_975[len(values) - 2] if len(values) - 2 < len(T_975) else 1.96 + 2.5 / (len(values) - 1)
    return f"{mean(values):.3f} ± {t * stdev(values) / len(values) ** 0.5:.3f}"


def table(outcomes: dict[str, list[Outcome]]) -> str:
    """A row for each method; differences are to random search, paired by seed."""
    lines = ["| method | queried | found | top 6 | found, gain over random | CPU-s |", "|---|---|---|---|---|---|"]
    for name, results in outcomes.items():
        gain = [one.found - other.found for one, other in zip(results, outcomes["random"], strict=True)]
        columns = [interval([getattr(one, part) for one in results]) for part in ("queried", "found", "top")]
        columns += ["" if name == "random" else interval(gain), f"{mean(one.seconds for one in results):.1f}"]
        lines.append(f"| {name} | " + " | ".join(columns) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print a table for each target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab-seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--search-seeds", type=int, default=1, help="searches on each lab model")
    parser.add_argument("--targets", nargs="+", default=["toxicity", "person", "coding", "facts"])
    parser.add_argument("--exploration", type=float, nargs="+", default=[0.0, 0.3])
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    outcomes: dict[str, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for lab_seed in arguments.lab_seeds:
        lm = load_language_model(lab_model(lab_seed).folder)
        for kind in arguments.targets:
            target = build_target(kind=kind, num_prompts={"tune": 8, "report": 8}, max_new_tokens=48, seed=0)
            for number in range(arguments.search_seeds):
                for method in methods(arguments.exploration):
                    outcome = run(method, lm, target, derive_seed(lab_seed, "search", number))
                    outcomes[kind][method.name].append(outcome)
                    print(f"lab {lab_seed}, {kind}, search {number}, {method.name}: {outcome}", file=sys.stderr)
    for kind, by_method in outcomes.items():
        searches = len(by_method["random"])
        print(f"\n{kind}: {INITIAL} + {QUERIES} queries of {POOL} instructions, {searches} searches, mean ± 95%\n")
        print(table(by_method))


if __name__ == "__main__":
    main()
