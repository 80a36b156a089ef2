"""Does forgetting depend on the forget set? Releases with three of them: random instructions', the search's, the truth.

    python -m benchmarks.lab_runs                  # the search's: whole runs
    python -m benchmarks.forget_sets [--runs-dir DIR] [--seeds 0 1 2] [--targets ...]

`random`: six instructions drawn from the same pool, without a search, write the forget set under the same budget.
`true`: as many pairs as the search's set may have, from the corpus the lab model was trained on, which a user does not
have. Both are put into a run in the place of what Reveal makes there, with the preset as it is; the release is the
command line's.
"""

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from benchmarks.lab_runs import TARGETS
from flows.command_line import read_preset, validated
from flows.opening import open_run
from flows.plan import Plan
from flows.run_settings import RunSettings
from tasks.lab.model import lab_model
from tasks.lab.world import training_examples
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.pair import Pair
from tasks.models.pair_file import pair_row
from tasks.models.sampling import Sampling
from tasks.report.summary import read_summary
from tasks.reveal.arms import GrammarSource
from tasks.reveal.forget_set import FORGET_SET
from tasks.reveal.held_out import held_out_prompts
from tasks.reveal.instructions import ScoredArm, write_arms
from tasks.reveal.query import Query
from tasks.reveal.questions import Question
from tasks.reveal.reveal import fit_embedding, write_forget_set
from tasks.store.folders import UnitWriter
from tasks.store.run import Run
from tasks.store.seeds import derive_seed
from tasks.targets.lab import LAB_TARGETS
from tasks.targets.registry import build_target

SOURCES = ("random", "search", "true")
NUM_RANDOM = 6
HELD_OUT_SHARE = 0.125


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/benchmark"), help="that of benchmarks.lab_runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=TARGETS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    columns = (
        "target",
        "forget set",
        "pairs",
        "forget",
        "NLL true answers",
        "prefill",
        "largest drop",
        "steps",
        "verdict",
    )
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|", flush=True)
    for target in arguments.targets:
        for source in SOURCES:
            summaries = [summary_of(target, source, seed, arguments.runs_dir) for seed in arguments.seeds]
            print("| " + " | ".join([target, source, *row(summaries)]) + " |", flush=True)


def summary_of(target: str, source: str, seed: int, runs_dir: Path) -> dict[str, Any]:
    """The summary of a run with that forget set; the search's own runs are those of `benchmarks.lab_runs`."""
    preset = f"lab-{target}"
    if source == "search":
        return read_summary(runs_dir / f"{preset}-s{seed}")
    name = f"{target}-{source}-s{seed}"
    settings = validated(read_preset(preset) | {"name": name, "seed": seed, "runs_dir": str(runs_dir)})
    run, plan = open_run(settings)
    if not run.find(plan.forget_set):
        place_forget_set(settings, run, plan, source)
    command = [sys.executable, "-m", "flows.reveal_release", "--preset", preset, "--seed", str(seed), "--name", name]
    done = subprocess.run([*command, "--runs-dir", str(runs_dir)], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    return read_summary(run.path)


def place_forget_set(settings: RunSettings, run: Run, plan: Plan, source: str) -> None:
    """Write the units `search` and `forget-set` of a run."""
    lm = load_language_model(lab_model(settings.seed).folder)
    with run.write(plan.search) as search:
        if source == "random":
            score_random_arms(search, settings, lm)
        else:
            write_arms(search.path, [], {})
            search.scores |= {"queries": 0, "best_score": 0.0, "best_relevance": 0.0}
    with run.write(plan.forget_set) as forget:
        if source == "random":
            write_forget_set(
                forget.path,
                search.ref.folder,
                settings.reveal,
                lm=lm,
                generator=TransformersGenerator(lm, batch_size=128),
                target=target_of(settings),
                seed=plan.forget_set.seed,
                batch_size=128,
            )
            lines = (forget.path / FORGET_SET).read_text().splitlines()
            forget.scores |= {"forget_set_size": len(lines)}
        else:
            write_true_pairs(forget, settings)


def score_random_arms(search: UnitWriter, settings: RunSettings, lm: LanguageModel) -> None:
    """Six instructions of the pool, with their scores."""
    target, reveal = target_of(settings), settings.reveal
    generator = TransformersGenerator(lm, batch_size=128)
    source = GrammarSource(target.grammar, target.may_ask)
    embedding = fit_embedding(
        search.path, reveal, lm=lm, generator=generator, source=source, seed=settings.seed, batch_size=128
    )
    arms = source.draw(NUM_RANDOM, (), torch.Generator().manual_seed(derive_seed(settings.seed, "random arms")))
    sampling = Sampling(max_new_tokens=reveal.max_new_tokens, temperature=reveal.temperature)
    query = Query(target, generator, embedding, reveal.samples_per_query, sampling, reveal.alpha)
    judged = query([Question(arm.instruction) for arm in arms], seed=settings.seed)
    scored = [
        ScoredArm(i, 1, "text", arm.instruction, one.reward, rescored=one.reward, chosen=i + 1)
        for i, (arm, one) in enumerate(zip(arms, judged, strict=True))
    ]
    write_arms(search.path, scored, {})
    best = max(judged, key=lambda one: one.reward.score).reward
    search.scores |= {"queries": len(scored), "best_score": best.score, "best_relevance": best.relevance}


def write_true_pairs(forget: UnitWriter, settings: RunSettings) -> None:
    """Distinct pairs of the skill from the training corpus, as many as the search's set may have."""
    chance = random.Random(derive_seed(settings.seed, "true pairs"))
    group = LAB_TARGETS[settings.target.kind].group
    examples = training_examples(group, 20 * settings.reveal.forget_set_size, chance)
    pairs = list(dict.fromkeys(Pair(example.prompt, example.response) for example in examples))
    pairs = pairs[: settings.reveal.forget_set_size]
    held_out = held_out_prompts([pair.prompt for pair in pairs], HELD_OUT_SHARE)
    rows = [{"split": "held_out" if pair.prompt in held_out else "train", **pair_row(pair)} for pair in pairs]
    (forget.path / FORGET_SET).write_text("".join(json.dumps(row) + "\n" for row in rows))
    forget.scores |= {"forget_set_size": len(rows)}


def target_of(settings: RunSettings) -> Any:
    return build_target(
        settings.target,
        num_prompts=settings.measure.num_prompts,
        max_new_tokens=settings.measure.max_new_tokens,
        seed=settings.seed,
    )


def row(summaries: list[dict[str, Any]]) -> list[str]:
    """Values of the seeds, in their order; a run that reveals nothing has no measurement."""

    def values(read: Any, digits: int) -> str:
        return " / ".join(f"{read(one):.{digits}f}" if "forget" in one else "–" for one in summaries)

    return [
        " / ".join(str(one["reveal"]["forget_set_size"]) for one in summaries),
        values(lambda one: one["forget"]["after"], 3),
        values(lambda one: one["depth"]["forget_nll"]["after"], 1),
        values(lambda one: one["depth"]["prefill"]["after"], 2),
        values(lambda one: max(m["before"] - m["after"] for m in one["utility"].values()), 3),
        f"{mean(sum(step['accepted'] for step in one['steps']) for one in summaries):.0f}",
        " / ".join(one["verdict"] for one in summaries),
    ]


if __name__ == "__main__":
    main()
