"""What it costs to judge K candidate merge weights: both ways, and what successive halving saves.

    python -m benchmarks.probe [--candidates 16] [--pairs 64]

Lab model of a development seed, adapters trained on its own corpus. Times are CPU seconds of one thread, best of three;
memory is the peak of the resident set above what it was before, each case in a process of its own. Both as multiples of
one evaluation: the same pairs, read once by the model as it is.
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time

import torch

from benchmarks.embeddings import LAB_SEED
from tasks.lab.model import lab_model
from tasks.lab.world import training_examples
from tasks.models.language_model import load_language_model
from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.release.candidates import Weights, low_rank_nll, merged_nll
from tasks.release.choice import Search
from tasks.release.merge import Checkpoints
from tasks.release.probe import make_probe
from tasks.release.training import train_adapter

CASES = ("one evaluation", "low rank", "merged in place", "low rank, successive halving")
TRAINING = {"rank": 8, "alpha": 16, "learning_rate": 4e-3, "num_steps": 4, "batch_size": 16, "max_grad_norm": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--case", choices=CASES, help="measure this one in this process, print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.case:
        print(json.dumps(measure(arguments.case, arguments.candidates, arguments.pairs)))
        return
    print("| way | CPU-s | times one evaluation | memory, MB | times | sequences |\n|---|---|---|---|---|---|")
    one = None
    for case in CASES:
        command = [sys.executable, "-m", "benchmarks.probe", "--case", case]
        sizes = ["--candidates", str(arguments.candidates), "--pairs", str(arguments.pairs)]
        found = json.loads(subprocess.run([*command, *sizes], capture_output=True, text=True, check=True).stdout)
        one = one or found
        cells = [f"{found['seconds']:.3f}", f"{found['seconds'] / one['seconds']:.1f}"]
        cells += [f"{found['memory']:.1f}", f"{found['memory'] / one['memory']:.1f}", str(found["sequences"])]
        print(f"| {case} | {' | '.join(cells)} |", flush=True)


def measure(case: str, num_candidates: int, num_pairs: int) -> dict[str, float]:
    folder = lab_model(LAB_SEED).folder
    lm, checkpoints, chance = load_language_model(folder), Checkpoints(folder), random.Random(0)
    rude, math, polite = (
        [Pair(e.prompt, e.response) for e in training_examples(group, num_pairs, chance)]
        for group in ("rude", "math", "polite")
    )
    forget, retain = train_adapter(lm, rude, **TRAINING, seed=1), train_adapter(lm, math, **TRAINING, seed=2)
    candidates = [Weights(a / 4, b / 2) for a in range(num_candidates // 4) for b in range(4)]
    nll = partial(nll_per_token, lm, batch_size=128)
    probe = make_probe(
        rude, {"math": math, "polite": polite}, primary="polite", untouched_nll=nll, tau=5.0, size=num_pairs
    )
    pairs = [*probe.forget, *(pair for group in probe.kept.values() for pair in group)]
    low_rank = partial(low_rank_nll, lm, forget=forget, retain=retain, batch_size=128)
    search = Search(probe, lambda some, of: low_rank(some, pairs=of), limit=0.01)
    work: dict[str, Callable[[], object]] = {
        "one evaluation": lambda: nll(pairs),
        "low rank": lambda: low_rank(candidates, pairs=pairs),
        "merged in place": lambda: merged_nll(
            lm, candidates, forget, retain, pairs, checkpoints=checkpoints, updates=[], batch_size=128
        ),
        "low rank, successive halving": lambda: search.halve(candidates, keep=2),
    }
    read = {"one evaluation": len(pairs), "low rank, successive halving": 0}
    Path("/proc/self/clear_refs").write_text("5")  # The peak begins anew.
    before = resident("VmRSS")
    seconds = []
    for _ in range(3):
        search.sequences = 0
        start = process_time()
        work[case]()
        seconds.append(process_time() - start)
    memory = resident("VmHWM") - before
    sequences = search.sequences or read.get(case, len(pairs) * len(candidates))
    return {"seconds": min(seconds), "memory": memory, "sequences": sequences}


def resident(field: str) -> float:
    """Of this process, in MB: VmRSS now, VmHWM at its highest."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


if __name__ == "__main__":
    main()
