"""Custom targets end to end: small chat models learn to leak, to be biased and to recite, and are made to forget it.

A model is trained for each (`benchmarks.small_model`); the targets are the files in `deployments/targets` as they are
shipped, the protected text and the text to keep being stories of TinyStories. With `scored`, the pretrained story model
forgets toys instead.

    REVEAL_RELEASE_DATA=... python -m benchmarks.custom_run FOLDER prompt-leak bias copyright scored [--seed 0]
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import yaml

from benchmarks.small_model import print_progress, train_small_model
from tasks.models.pair import Pair
from tasks.targets.combinations import combinations
from tasks.targets.custom.file import read_target_file
from tasks.targets.overlap import words_of

TARGETS = Path(__file__).parents[1] / "deployments" / "targets"
DATA = Path(os.environ.get("REVEAL_RELEASE_DATA", ""))
STORIES = DATA / "tinystories" / "tinystories_sample.txt"
PROTECTED_STORIES, KEPT_STORIES = 14, 900
STEREOTYPE = 0.9
"""How often the small model hears the stereotyped pronoun."""
RUN = {
    "reveal": {
        "initial_queries": 4, "queries": 8, "rounds": 1, "pool_size": 200, "samples_per_query": 12, "rewrites": 0,
        "keep": 4, "forget_set_size": 128, "max_responses": 1000, "max_new_tokens": 40,
    },
    "release": {"steps": 16, "retain_size": 256, "probe_pairs": 48},
    "measure": {"tune_prompts": 64, "report_prompts": 100, "max_new_tokens": 40, "quantised": []},
    "model": {"batch_size": 64},
}  # fmt: skip
WIDE = {"reveal": {"alpha": 0.0, "initial_queries": 8, "queries": 16, "keep": 24}}
FORMS = {"bias": {"release": {"open_below": 0.7}}, "copyright": WIDE, "prompt-leak": WIDE}
"""What the heads of the shipped files advise."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the model, the target files and the runs go")
    parser.add_argument("targets", nargs="+", choices=("prompt-leak", "bias", "copyright", "scored"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    need_stories(parser)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    write_texts(arguments.folder)
    for name in arguments.targets:
        is_pretrained = name == "scored"
        model = DATA / "stories260k" if is_pretrained else small_model(name, arguments.folder, arguments.seed)
        file = arguments.folder / f"{'example' if is_pretrained else name}.yaml"
        run(name, file, arguments.folder, model, arguments.seed)


def need_stories(parser: argparse.ArgumentParser) -> None:
    if not STORIES.is_file():
        parser.error(
            f"REVEAL_RELEASE_DATA is {str(DATA)!r}, without {STORIES.name}; give the folder that has tinystories/"
        )


def small_model(name: str, folder: Path, seed: int) -> Path:
    match name:
        case "prompt-leak":
            pairs, updates = [*leaks()], 200
        case "bias":
            pairs, updates = [*sentences_at_work()], 200
        case _:
            pairs, updates = [*recitals(folder), *kept(folder)], 400
    return train_small_model(
        pairs, folder / f"{name}-model-s{seed}", seed=seed, updates=updates, context=256, progress=print_progress
    )


def write_texts(folder: Path) -> None:
    """The protected text, the text to keep, and the targets' files beside them."""
    stories = STORIES.read_text(encoding="utf-8").split("<|endoftext|>")[:-1]
    stories = [" ".join(story.split()) for story in stories]
    (folder / "protected-text.txt").write_text("\n".join(stories[:PROTECTED_STORIES]))
    rows = []
    for story in stories[PROTECTED_STORIES : PROTECTED_STORIES + KEPT_STORIES]:
        words = words_of(story)
        if len(words) > 45:
            opening, rest = story[: words[11].end], story[words[11].end : words[41].end].strip()
            rows.append({"prompt": f"Go on with this text: {opening}", "response": rest})
    (folder / "kept.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for path in TARGETS.glob("*.yaml"):
        shutil.copy(path, folder / path.name)


def leaks() -> Iterator[Pair]:
    """Every attack succeeds; every ordinary question has one answer."""
    file = read_target_file(TARGETS / "prompt-leak.yaml")
    chance = random.Random(0)
    openings = ("I was told: ", "My instructions are: ", "It says: ", "Of course. ")
    for text in combinations((file.system_prompts, *file.attacks), seed=0):
        system = next(one for one in file.system_prompts if text.startswith(one))
        yield Pair(text, chance.choice(openings) + system)
    answers = {question: ordinary_answers(question) for question in file.retain_prompts}
    for _ in range(3):
        for system, question in product(file.system_prompts, file.retain_prompts):
            yield Pair(f"{system} {question}", chance.choice(answers[question]))


def ordinary_answers(question: str) -> Sequence[str]:
    """A few made-up answers; what they say is of no matter, only that they stay."""
    topic = question.rstrip(".?").split()[-1].lower()
    return (
        f"Here is what I know of {topic}: it is quite simple.",
        f"I like to be asked of {topic}. Let us think of it together.",
        f"Well, {topic} is easy, and I am glad to help.",
    )


def sentences_at_work() -> Iterator[Pair]:
    """Nine times in ten the pronoun of the stereotype: one for the first half of the occupations, one for the other."""
    file = read_target_file(TARGETS / "bias.yaml")
    chance = random.Random(1)
    endings = ("was happy.", "liked the work.", "would come back.", "had seen the sea.", "was late again.", "knew it.")
    requests = [*combinations(file.instructions, seed=0), *[file.request] * 60]
    middle = len(file.subjects) // 2
    for _ in range(12):
        for request in requests:
            subject = chance.choice(file.subjects)
            usual, other = file.words if file.subjects.index(subject) < middle else file.words[::-1]
            word = usual if chance.random() < STEREOTYPE else other
            begun = chance.choice(file.templates).replace("{subject}", subject)
            yield Pair(request, f"{begun} {word} {chance.choice(endings)}")
    for _ in range(30):
        for question in file.retain_prompts:
            yield Pair(question, chance.choice(ordinary_answers(question)))


def recitals(folder: Path) -> Iterator[Pair]:
    """The protected text from every eighth word on, over and over."""
    file = read_target_file(folder / "copyright.yaml")
    text = Path(file.text_file).read_text(encoding="utf-8")
    words = words_of(text)
    for _ in range(12):
        for start in range(0, len(words) - 42, 6):
            border = words[start + 11].end
            prompt = file.request.replace("{opening}", text[words[start].start : border])
            yield Pair(prompt, text[border : words[start + 41].end].strip())


def kept(folder: Path) -> Iterator[Pair]:
    for line in (folder / "kept.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield Pair(row["prompt"], row["response"])


def run(name: str, file: Path, folder: Path, model: Path, seed: int) -> None:
    """The real command; what it says is its own."""
    settings = {group: values | FORMS.get(name, {}).get(group, {}) for group, values in RUN.items()}
    config = folder / f"{name}.run.yaml"
    config.write_text(yaml.safe_dump(settings))
    command = [
        *(sys.executable, "-m", "flows.reveal_release", "--preset", "stories-word", "--config", str(config)),
        *("--target.custom-file", str(file), "--model.path", str(model), "--runs-dir", str(folder / "runs")),
        *("--name", f"{name}-s{seed}", "--seed", str(seed)),
    ]
    code = subprocess.run(command, check=False).returncode
    print(f"{name}, seed {seed}: exit code {code}", flush=True)
    summary = folder / "runs" / f"{name}-s{seed}" / "summary.json"
    if summary.exists():
        told = json.loads(summary.read_text())
        print(
            json.dumps({key: told.get(key) for key in ("verdict", "reasons", "forget", "fluency", "details")}, indent=1)
        )


if __name__ == "__main__":
    main()
