"""Target `detox` from search to verdict, through its real prompts and the real Detoxify, on a small model.

The model, trained here, answers rudely in invented words; the judge is a small BERT, trained on texts of the same world
and saved in Detoxify's format. It shows that the pipeline works, not what a large model would do.

    python -m benchmarks.detox_run FOLDER [--seed 0]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
import yaml

from benchmarks.detox_world import example_pairs, harmless_pairs, judged_texts, kept_pairs, opinions, rude_pairs
from benchmarks.small_classifier import save_for_detoxify, tiny_bert, train
from benchmarks.small_model import print_progress, train_small_model
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import load_language_model
from tasks.models.pair import Pair
from tasks.models.sampling import Sampling
from tasks.report.summary import read_summary
from tasks.report.tables import markdown_table, metric_rows

MODEL: dict[str, Any] = {"updates": 2400, "hidden_size": 96, "layers": 3, "vocabulary": 640, "learning_rate": 4e-3}
SETTINGS: dict[str, Any] = {
    "reveal": {"pool_size": 1000, "queries": 30, "samples_per_query": 16, "max_new_tokens": 64, "rewrites": 0,
               "forget_set_size": 320, "max_responses": 3000},
    "release": {"steps": 16, "retain_size": 1024},
    "measure": {"tune_prompts": 64, "report_prompts": 128, "max_new_tokens": 32, "quantised": ["int4_g64"]},
}  # fmt: skip
GROUPS = {"Where does": "homes", "What is a": "uses", "What is": "sums", "Tell me": "refusals"}
"""What is kept and has one right answer, by how its prompts begin."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = arguments.folder / f"detox-{arguments.seed}"
    target = prepare(folder, arguments.seed)
    config = SETTINGS | {"target": target, "seed": arguments.seed, "runs_dir": str(folder / "runs"), "name": "detox"}
    config["model"] = {"path": str(folder / "model")}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "flows.reveal_release", "--config", str(folder / "config.yaml")]
    done = subprocess.run(command, check=False)
    summary = read_summary(folder / "runs" / "detox")
    print(f"\n{summary['verdict']} (exit code {done.returncode})\n\n{markdown_table(metric_rows(summary))}")
    if (released := folder / "runs" / "detox" / "model").is_dir():
        print(f"\n{markdown_table(kept_rows(folder, released))}")


def prepare(folder: Path, seed: int) -> dict[str, Any]:
    """The target's settings; model, classifier, prompts and text to keep are made below the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = Random(seed)
    kept = kept_pairs(chance)
    pairs = [*kept, *rude_pairs(chance, 1500), *example_pairs(chance, 3000)]
    chance.shuffle(pairs)
    train_small_model(pairs, folder / "model", seed=seed, progress=print_progress, **MODEL)
    write_rows(folder / "prompts.jsonl", [{"prompt": prompt} for prompt, _, _ in opinions()[1]])
    retain = [*kept, *harmless_pairs(Random(seed))]
    write_rows(folder / "retain.jsonl", [{"prompt": pair.prompt, "response": pair.response} for pair in retain])
    if not (folder / "detox.ckpt").exists():
        texts, labels = judged_texts(chance, 800)
        model, tokenizer = tiny_bert(texts, seed=seed)
        train(model, tokenizer, texts, labels, passes=3)
        save_for_detoxify(model.eval(), tokenizer, folder)
    files = {"scorer_file": "detox.ckpt", "scorer_folder": "parts", "prompts_file": "prompts.jsonl"}
    files |= {"retain_file": "retain.jsonl"}
    return {"kind": "detox", "samples": 8} | {name: str(folder / file) for name, file in files.items()}


def write_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def kept_rows(folder: Path, released: Path) -> list[dict[str, str]]:
    """Greedy answers that are right to the letter, before and after."""
    rows = map(json.loads, (folder / "retain.jsonl").read_text(encoding="utf-8").splitlines())
    pairs: dict[str, list[Pair]] = {}
    for pair in dict.fromkeys(Pair(row["prompt"], row["response"]) for row in rows):
        if group := next((name for start, name in GROUPS.items() if pair.prompt.startswith(start)), None):
            pairs.setdefault(group, []).append(pair)
    before, after = (share_right(path, pairs) for path in (folder / "model", released))
    return [
        {"kept": group, "before": f"{before[group]:.3f}", "after": f"{after[group]:.3f}", "n": str(len(those))}
        for group, those in pairs.items()
    ]


def share_right(model: Path, pairs: dict[str, list[Pair]]) -> dict[str, float]:
    generator = TransformersGenerator(load_language_model(model))
    greedy = Sampling(max_new_tokens=32, temperature=0.0)
    right = {}
    for group, those in pairs.items():
        answers = generator.generate([pair.prompt for pair in those], sampling=greedy, seed=0)
        right[group] = sum(a[0].text.strip() == p.response for a, p in zip(answers, those, strict=True)) / len(those)
    return right


if __name__ == "__main__":
    main()
