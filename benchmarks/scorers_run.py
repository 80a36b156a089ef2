"""The example of a custom target steered by each kind of scorer: the pretrained story model forgets toys.

The pattern of the shipped file; a function of this module; a classifier, a one-layer BERT that is taught here by the
pattern; and a judge, which is a server of this process that answers by the pattern: it shows the way to a judge and
back, not how well one judges. A pattern finds places; the others are asked about sentences and words to find them.

    REVEAL_RELEASE_DATA=... python -m benchmarks.scorers_run FOLDER pattern function classifier judge [--seed 0]
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.custom_run import DATA, STORIES, TARGETS, need_stories, run
from benchmarks.small_classifier import tiny_bert, train
from tests.tasks.models.fake_server import FakeServer, fake_server

KINDS = ("pattern", "function", "classifier", "judge")
TOYS = re.compile(r"\b(?:toys?|dolls?|balls?)\b", re.IGNORECASE)
WORDS = 30
"""Of a passage that the classifier is taught by: about as long as a response."""
PASSAGES = 6000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the target files, the classifier and the runs go")
    parser.add_argument("kinds", nargs="+", choices=KINDS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    need_stories(parser)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    with judge() as server:
        for kind in arguments.kinds:
            told = yaml.safe_load((TARGETS / "example.yaml").read_text(encoding="utf-8"))
            file = arguments.folder / f"{kind}.yaml"
            file.write_text(yaml.safe_dump(told | {"scorer": scorer(kind, arguments.folder, server.url)}))
            run(f"toys-{kind}", file, arguments.folder, DATA / "stories260k", arguments.seed)


def scorer(kind: str, folder: Path, judge_url: str) -> dict[str, Any]:
    match kind:
        case "function":
            return {"kind": kind, "function": "benchmarks.scorers_run:share_of_toys"}
        case "classifier":
            return {"kind": kind, "folder": str(classifier(folder / "classifier").resolve()), "label": "toys"}
        case "judge":
            rubric = "Does the response speak of a toy?"
            return {"kind": kind, "url": judge_url, "rubric": rubric, "max_calls": 20_000}
        case _:
            return {"kind": kind, "pattern": TOYS.pattern.replace(r"\b", r"(?i)\b", 1)}


def share_of_toys(prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
    """A graded score: one toy is enough, more are more."""
    return [1 - 0.5 ** len(TOYS.findall(response)) for response in responses]


def classifier(folder: Path) -> Path:
    if (folder / "config.json").is_file():
        return folder
    words = STORIES.read_text(encoding="utf-8").replace("<|endoftext|>", " ").split()
    starts = range(0, min(len(words), PASSAGES * WORDS), WORDS)
    texts = [" ".join(words[start : start + WORDS]) for start in starts]
    labels = [int(bool(TOYS.search(text))) for text in texts]
    model, tokenizer = tiny_bert(texts, num_labels=1)
    model.config.id2label, model.config.label2id = {0: "toys"}, {"toys": 0}
    middle = len(texts) // 2
    train(model, tokenizer, texts[:middle], labels[:middle], passes=4)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    print(f"classifier: {accuracy(model, tokenizer, texts[middle:], labels[middle:]):.3f} of unseen passages right")
    return folder


@torch.no_grad()
def accuracy(model: Any, tokenizer: Any, texts: Sequence[str], labels: Sequence[int]) -> float:
    logits = model(**tokenizer(list(texts), return_tensors="pt", padding=True, truncation=True)).logits[:, 0]
    return ((logits > 0).int() == torch.tensor(labels)).float().mean().item()


@contextmanager
def judge() -> Iterator[FakeServer]:
    with fake_server() as server:
        server.chat = lambda message: "yes" if TOYS.search(message.partition("Response:")[2]) else "no"
        yield server


if __name__ == "__main__":
    main()
