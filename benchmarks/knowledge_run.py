"""The target `knowledge`, end to end on a small model that was taught facts of TOFU's form in natural language.

    python -m benchmarks.knowledge_run [--seed 1] [--place DIR] [--only questions|name]

Trains a model that knows all of `knowledge_world`, and one that was never told of the people to be forgotten, whose
retain log is written in open-unlearning's form. Then two runs of the command line, both with text to keep:
`questions`, with the files, unseen questions among them, and `name`, with nothing but the name of one person. Prints
what the records say, before and after, as markdown.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from benchmarks.knowledge_world import (
    capitals,
    people,
    rows,
    taught,
    write_holdout,
    write_retain,
    write_tofu,
    writers,
)
from benchmarks.small_model import print_progress, train_small_model
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.sampling import Sampling
from tasks.release.rebuild import recorded_updates
from tasks.release.resident import take_model
from tasks.report.summary import read_summary
from tasks.targets.knowledge.questions import read_questions, read_tofu
from tasks.targets.knowledge.recall import fact_recall
from tasks.targets.knowledge.retain_model import write_retain_log

MODEL = {"hidden_size": 128, "layers": 2, "vocabulary": 800, "context": 128, "updates": 550, "learning_rate": 3e-3}
"""At half the width, with 5e-3, forgetting four of sixteen people took countries along (seeds 2 and 11)."""
BATCH = 64
REVEAL = {
    "rounds": 1,
    "queries": 64,
    "queries_at_once": 16,
    "samples_per_query": 6,
    "max_new_tokens": 24,
    "temperature": 0.7,
    "alpha": 0.0,  # the small model answers a request with one fact: they differ between requests, not within one
    "rewrites": 0,
    "keep": 80,
    "pool_size": 500,
    "forget_set_size": 240,
    "max_responses": 900,
}
RELEASE = {"steps": 12, "max_unrepaired": 0.2, "forget_updates": 24, "retain_updates": 40, "retain_size": 1024}
MEASURE = {
    "tune_prompts": 64,
    "report_prompts": 64,
    "max_new_tokens": 24,
    "quantised": [],
    "goal": 0.2,
    "max_drop": 0.05,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--place", type=Path, default=Path("runs/knowledge"))
    parser.add_argument("--only", choices=("questions", "name"))
    arguments = parser.parse_args()
    place, seed = arguments.place, arguments.seed
    names, retain = write_tofu(place / "tofu"), str(write_retain(place / "retain.jsonl"))
    model = small_model(place, seed, with_forgotten=True)
    if arguments.only != "name":
        holdout = write_holdout(place / "holdout.jsonl")
        log = place / f"without-{seed}-TOFU_EVAL.json"
        never_told = load_language_model(small_model(place, seed, with_forgotten=False))
        forgotten, unseen = read_tofu(str(place / "tofu"), "forget10").forget, read_questions(str(holdout), "holdout")
        write_retain_log(log, never_told, forgotten, unseen, batch_size=BATCH)
        target = {"subjects": names, "questions_folder": str(place / "tofu"), "retain_file": retain}
        target |= {"retain_log_file": str(log), "holdout_file": str(holdout)}
        report(place, seed, "questions", model, target)
    if arguments.only != "questions":
        report(place, seed, "name", model, {"subjects": names[:1], "retain_file": retain})


def small_model(place: Path, seed: int, *, with_forgotten: bool) -> Path:
    folder = place / f"{'all' if with_forgotten else 'without'}-{seed}"
    return train_small_model(taught(with_forgotten=with_forgotten), folder, seed=seed, progress=print_progress, **MODEL)


def run(place: Path, seed: int, name: str, model: Path, target: dict[str, Any]) -> dict[str, Any]:
    """The summary of a run through the command line."""
    settings = {
        "seed": seed,
        "name": f"{name}-s{seed}",
        "model": {"path": str(model), "batch_size": BATCH},
        "target": {"kind": "knowledge", **target},
        "reveal": REVEAL,
        "release": RELEASE,
        "measure": MEASURE,
    }
    config = place / f"{name}-s{seed}.yaml"
    config.write_text(yaml.safe_dump(json.loads(json.dumps(settings))), encoding="utf-8")
    command = [sys.executable, "-m", "flows.reveal_release", "--config", str(config), "--runs-dir", str(place / "runs")]
    done = subprocess.run(command, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.returncode)
    return read_summary(place / "runs" / settings["name"])


def show(summary: dict[str, Any]) -> None:
    print(f"\n{summary['name']}: {summary['verdict']} {summary.get('reasons')}; seconds {summary.get('seconds')}")
    print("| number | before | after |\n|---|---|---|")
    if "forget" not in summary:
        return
    told = {"forget": summary["forget"], **summary["utility"], **summary["depth"], **summary["fluency"]}
    for name, metric in (told | summary.get("details", {})).items():
        if metric["before"] is not None:
            print(f"| {name} | {metric['before']:.3f} | {metric['after']:.3f} |")


def report(place: Path, seed: int, name: str, model: Path, target: dict[str, Any]) -> None:
    summary = run(place, seed, name, model, target)
    show(summary)
    updates = recorded_updates(place / "runs" / summary["name"], summary["last_step"])
    judge(model, [[], updates], target["subjects"])


def judge(base: Path, changes: Sequence[Any], forgotten: Sequence[str]) -> None:
    """By the truth about everybody, most of which the run has never seen: fact recall before and after."""
    groups: dict[str, list[dict[str, Any]]] = {"forgotten": [], "other people": []}
    for person in people():
        groups["forgotten" if person.name in forgotten else "other people"] += rows(person)
    groups |= {"poems and capitals": [*writers(), *capitals()]}
    print("\n| all questions | before | after |\n|---|---|---|")
    recalls: dict[str, list[float]] = {group: [] for group in groups}
    for updates in changes:
        lm = take_model(base, updates, device="cpu", dtype="float32")
        for group, asked in groups.items():
            recalls[group].append(mean_recall(lm, asked))
    for group, (before, after) in recalls.items():
        print(f"| fact recall: {group} ({len(groups[group])}) | {before:.3f} | {after:.3f} |")


def mean_recall(lm: LanguageModel, asked: Sequence[dict[str, Any]]) -> float:
    greedy = Sampling(max_new_tokens=MEASURE["max_new_tokens"], temperature=0.0)
    written = TransformersGenerator(lm).generate([row["question"] for row in asked], sampling=greedy, seed=0)
    return fmean(
        fact_recall(row["question"], row["answer"], one[0].text) for row, one in zip(asked, written, strict=True)
    )


if __name__ == "__main__":
    main()
