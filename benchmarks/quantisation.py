"""What rounding brings back: the forget metric of an unlearned model at every precision, beside the rounded original.

    python -m benchmarks.lab_runs
    python -m benchmarks.quantisation [--runs-dir DIR] [--seed 0] [--targets ...]

Besides the released model a *bounded* one: its update cut, weight by weight, to a tenth of an int4 step (groups of 64),
as small as the updates for which recovery is known (arXiv:2410.16454). On so small a model the failure does not show by
itself; here it is at least sought. Prints markdown; the report split.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.lab_runs import TARGETS
from flows.command_line import read_preset, validated
from flows.opening import peek_run
from tasks.assess.measure import measure_rounded
from tasks.assess.recovery import recovery, retention
from tasks.assess.surviving import surviving_update
from tasks.lab.model import lab_model
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.quantisation import SCHEMES, codes_and_steps
from tasks.release.merge import Checkpoints
from tasks.release.rebuild import rebuild
from tasks.report.summary import read_summary
from tasks.settings.target import TargetSettings
from tasks.store.seeds import derive_seed
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.registry import build_target

BOUND = 0.1
"""Of a rounding step."""
COLUMNS = (
    "target", "model", "rounded", "forget", "original's", "retention", "recovery", "primary", "original's",
    "codes changed", "update, steps", "cosine left",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=TARGETS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)
    for target in arguments.targets:
        for cells in rows(target, arguments.seed, arguments.runs_dir):
            print("| " + " | ".join([target, *cells]) + " |", flush=True)


def rows(kind: str, seed: int, runs_dir: Path) -> Iterator[list[str]]:
    # As benchmarks.lab_runs begins it.
    asked = {"seed": seed, "runs_dir": str(runs_dir), "lab": {"gold": True}}
    settings = validated(read_preset(f"lab-{kind}") | asked)
    run, _ = peek_run(settings)
    measure = settings.measure
    target = build_target(
        TargetSettings(kind=kind), num_prompts=measure.num_prompts, max_new_tokens=measure.max_new_tokens, seed=seed
    )
    base = lab_model(seed).folder
    lm, checkpoints = load_language_model(base), Checkpoints(base)
    summary = read_summary(run.path)

    def checkpoint() -> Checkpoint:
        return Checkpoint(
            lm,
            batch_size=settings.model.batch_size,
            max_new_tokens=measure.max_new_tokens,
            seed=derive_seed(seed, "measure", "report"),
        )

    def measured(scheme: str) -> dict[str, Any]:
        return measure_rounded(checkpoint(), target, "report", scheme)

    originals = {scheme: measured(scheme) for scheme in SCHEMES}
    original = summary["forget"]["before"]
    for model in ("released", "bounded"):
        rebuild(lm, base, run.path, summary["last_step"])
        if model == "bounded":
            bound(lm, checkpoints)
        full = checkpoint().value(target.forget, "report")
        for scheme, rounded in SCHEMES.items():
            found, left = measured(scheme), surviving_update(checkpoints.beside(lm), rounded)
            before = originals[scheme]
            yield [
                model,
                scheme,
                f"{found['forget']:.3f} (full {full:.3f})",
                f"{before['forget']:.3f}",
                shown(retention(found["forget"], before["forget"])),
                shown(recovery(quantised=found["forget"], full=full, original=original)),
                f"{target.primary} {found['utility'][target.primary]:.3f}",
                f"{before['utility'][target.primary]:.3f}",
                f"{left.codes_changed:.1%}",
                f"{left.steps:.3f}",
                f"{left.cosine:.2f}",
            ]


@torch.no_grad()
def bound(lm: LanguageModel, checkpoints: Checkpoints) -> None:
    """Cut the update of each weight to `BOUND` of the untouched weight's rounding step."""
    for untouched, weight in checkpoints.beside(lm):
        _, steps = codes_and_steps(untouched, SCHEMES["int4_g64"])
        weight.copy_(untouched + (weight - untouched).clamp(-BOUND * steps, BOUND * steps))


def shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
