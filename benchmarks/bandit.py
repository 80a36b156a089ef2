"""What it costs to select an arm, against gradients written out, a Gaussian process and a linear model.

    python -m benchmarks.bandit                                  # ten minutes of an idle core; Linux
    python -m benchmarks.bandit --arms 1000 --features 1024 --played 40

A selection is what happens between a fit and the arm it leads to: estimates, widths, the argmax, and what the last
reward adds to caches. What is fitted (the network, or the hyper-parameters of the process) is timed apart. All methods
see the same arms and rewards; both ways to the diagonal width must pick the same arm.

Each case runs in a process of its own. Seconds are of the CPU, one thread: the best of three selections, the last of
them after so many plays; where gradients are written out, the best of as many as begin within 20 s, three at most.
Memory is the peak of the resident set during a selection with empty caches, above what it was before: what a method
keeps from pick to pick counts; the features, of which the Gaussian process has a copy in float64, do not.
"""

import argparse
import ctypes
import gc
import json
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from time import process_time

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from bandit.network import RewardNetwork
from bandit.neural_ucb import NeuralUCB
from bandit.upper_confidence import UpperConfidence
from benchmarks.strategies import STRATEGIES

WRITTEN_OUT = "gradients written out"
METHODS = (WRITTEN_OUT, "NeuralUCB diagonal", "NeuralUCB full", "LinUCB", "GP-UCB")
LAM = 0.1
"""The default of NeuralUCB."""
REPEATS = 3
PATIENCE_S = 20
CHUNK = 300
"""Arms whose gradients are held at once, as in the published instruction searches."""


class WrittenOutWidths:
    """The diagonal width by its definition, a gradient for each arm by `torch.func`.

    The expression is that of INSTINCT (Lin et al., ICML 2024, arXiv:2310.02905), whose gradients come from backpack.
    ``U`` is made beforehand and not timed: there it is kept from pick to pick.
    """

    def __init__(self, network: RewardNetwork, x: Tensor, played: list[int]):
        self._parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
        self._gradients = vmap(
            grad(lambda theta, arm: functional_call(network, theta, (arm[None],)).squeeze(0)), (None, 0)
        )
        self._x = x
        self._U = LAM + sum(self._of(x[[arm]]).square().squeeze(0) for arm in played)

    def values(self) -> Tensor:
        widths = []
        for part in self._x.split(CHUNK):
            g = self._of(part)
            widths.append(torch.sqrt(torch.sum(LAM * g * g / self._U, dim=1)))
        return torch.cat(widths)

    def _of(self, x: Tensor) -> Tensor:
        return torch.cat([rows.reshape(len(x), -1) for rows in self._gradients(self._parameters, x).values()], dim=1)


def written_out_selection(bandit: NeuralUCB, played: list[int]) -> Callable[[], list[int]]:
    """The selection of a fitted bandit with gradients written out."""
    state = bandit.state_dict()
    num_hidden, num_features = state["theta.W"].shape
    network = RewardNetwork(num_features, num_hidden, generator=torch.Generator())
    network.load_state_dict({name: state[f"theta.{name}"] for name in network.state_dict()})
    widths = WrittenOutWidths(network, bandit.features, played)

    def select() -> list[int]:
        with torch.no_grad():
            estimate = network(bandit.features)
        return UpperConfidence(estimate, widths, bandit.history.is_unplayed(), exploration=bandit.exploration).best(1)

    return select


def measure(method: str, n: int, d: int, t: int) -> dict[str, float]:
    """Seconds of a fit and of a selection after `t` plays, the MB of a selection, and the arm selected."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(n, d, generator=generator)
    rewards = torch.sigmoid(features @ torch.randn(d, generator=generator) / d**0.5).tolist()

    def make_bandit(num_told: int):
        name = "NeuralUCB diagonal" if method == WRITTEN_OUT else method
        bandit = STRATEGIES[name](features, generator=torch.Generator().manual_seed(1), num_initial=1)
        for arm in range(num_told):
            bandit.tell(arm, rewards[arm])
        return bandit

    bandit = make_bandit(t - REPEATS)
    fits, selections = [], []
    for arm in range(t - REPEATS, t):
        bandit.ask()
        bandit.tell(arm, rewards[arm])
        fits.append(seconds(bandit.fit)[0])
        if method != WRITTEN_OUT:
            took, picks = seconds(bandit.ask)
            selections.append(took)
    if method == WRITTEN_OUT:
        select = written_out_selection(bandit, list(range(t)))
        while len(selections) < REPEATS and sum(selections) < PATIENCE_S:
            took, picks = seconds(select)
            selections.append(took)
        del select
    del bandit

    bandit = make_bandit(t)
    bandit.fit()
    megabytes = peak_megabytes(written_out_selection(bandit, list(range(t))) if method == WRITTEN_OUT else bandit.ask)
    return {"fit": min(fits), "select": min(selections), "megabytes": megabytes, "arm": picks[0]}


def seconds(call: Callable[[], list[int] | None]) -> tuple[float, list[int] | None]:
    """CPU seconds of a call, and its answer."""
    start = process_time()
    answer = call()
    return process_time() - start, answer


def peak_megabytes(call: Callable[[], list[int]]) -> float:
    """Most memory that the process occupied during a call, above what it did before."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed before must not serve the call unseen
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident_kb("VmRSS")
    call()
    return (resident_kb("VmHWM") - before) / 1000


def resident_kb(field: str) -> int:
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


def measure_apart(method: str, n: int, d: int, t: int) -> dict[str, float]:
    """The same, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.bandit", "--case", json.dumps([method, n, d, t])]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def table(title: str, cases: dict[tuple[int, int, int], dict[str, str]]) -> str:
    """Markdown: a row a case, a column a method."""
    lines = [f"\n{title}\n", f"| arms | features | played | {' | '.join(METHODS)} |", "|---" * (3 + len(METHODS)) + "|"]
    for case, cells in cases.items():
        lines.append(f"| {' | '.join(f'{number:,}' for number in case)} | {' | '.join(cells.values())} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--features", type=int, nargs="+", default=[256, 1_024, 4_096])
    parser.add_argument("--played", type=int, nargs="+", default=[40, 165])
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        torch.set_num_threads(1)
        measure(args.case[0], 50, 8, 5)  # so that all code is loaded before anything is measured
        print(json.dumps(measure(*args.case)))
        return

    selections, memory, fits = {}, {}, {}
    for case in product(args.arms, args.features, args.played):
        results = {method: measure_apart(method, *case) for method in METHODS}
        slow = results[WRITTEN_OUT]
        assert results["NeuralUCB diagonal"]["arm"] == slow["arm"], f"{case}: the two diagonal widths disagree"
        selections[case] = {
            method: f"{r['select']:.3f} s" + ("" if r is slow else f" ({slow['select'] / r['select']:.0f}x)")
            for method, r in results.items()
        }
        memory[case] = {
            method: f"{r['megabytes']:.1f} MB" + ("" if r is slow else f" ({r['megabytes'] / slow['megabytes']:.1%})")
            for method, r in results.items()
        }
        fits[case] = {method: f"{r['fit']:.3f} s" for method, r in results.items()}
        print(case, *selections[case].values(), *memory[case].values(), sep="  ", file=sys.stderr, flush=True)
    print(table("One selection", selections))
    print(table("Memory of a selection", memory))
    print(table("One fit", fits))


if __name__ == "__main__":
    main()
