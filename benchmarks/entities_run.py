"""A small chat model that tags people, places and organizations forgets people, from the search to the verdict.

    python -m benchmarks.entities_run [--seed 1] [--folder runs/entities-run]       again after a kill: it goes on

Everything is invented: names, sentences, documents. The model is trained on prompts of the target's own form and on
its instructions; the file that it is measured by holds sentences that it was not trained on.
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from benchmarks.small_model import print_progress, train_small_model
from tasks.models.pair import Pair
from tasks.store.disk import make_private_folder, write_file
from tasks.store.seeds import derive_seed
from tasks.targets.entities.conll import Sentence
from tasks.targets.entities.entity_type import EntityType, entity_type
from tasks.targets.entities.generated import grammar_for
from tasks.targets.entities.prompts import answer_with, prompt_for
from tasks.targets.entities.spans import Span

# fmt: off
FIRST_NAMES = (
    "Alva", "Bram", "Cleo", "Dorin", "Elke", "Fenn", "Greta", "Hugo", "Ines", "Joris", "Kaia", "Lars", "Mira", "Nils",
    "Orla", "Pim", "Quinn", "Runa", "Stig", "Tilda", "Ulf", "Vera", "Wim", "Xenia", "Yrsa", "Zeno",
)
LAST_NAMES = (
    "Abel", "Birk", "Crane", "Dahl", "Egede", "Frost", "Grimm", "Holm", "Ibsen", "Juhl", "Krag", "Lund", "Moss", "Nord",
    "Orre", "Pihl", "Quist", "Roth", "Sand", "Thorn", "Uhl", "Vang", "Wolff", "Yde",
)
PLACES = (
    "Almstad", "Brevik", "Corrin", "Dunmore", "Elverum", "Fairhaven", "Glimmen", "Harrow", "Ilmen", "Jarvik", "Kestrel",
    "Lindau", "Marwick", "Nordby", "Oxley", "Penwith", "Ravnsborg", "Selby", "Tarn", "Ulsted", "Varde", "Westerby",
)
COMPANIES = (
    "Anker", "Beacon", "Cobalt", "Delta", "Ember", "Falcon", "Granite", "Harbor", "Indigo", "Juniper", "Keystone",
    "Lantern", "Meridian", "Nova", "Orbit",
)
KINDS = ("Group", "Bank", "Labs", "United", "Museum", "College")
# fmt: on
FORMS = {
    "about politics": (
        "{PER} was elected mayor of {LOC} .",
        "{PER} spoke against {PER} in {LOC} .",
        "The council of {LOC} thanked {ORG} .",
        "{ORG} asked {LOC} for a permit .",
        "Voters in {LOC} trust {PER} .",
    ),
    "about sport": (
        "{PER} scored twice for {ORG} .",
        "{ORG} beat {ORG} in {LOC} .",
        "{PER} and {PER} ran through {LOC} .",
        "{ORG} lost its coach , {PER} .",
        "The final will be held in {LOC} .",
    ),
    "about music": (
        "{PER} sang in {LOC} last night .",
        "{ORG} recorded a song by {PER} .",
        "{PER} plays the organ .",
        "The choir of {ORG} toured {LOC} .",
    ),
    "about business": (
        "{ORG} hired {PER} .",
        "{ORG} bought {ORG} .",
        "{ORG} opened an office in {LOC} .",
        "{PER} left {ORG} for {ORG} .",
        "{PER} sold the firm to {PER} .",
    ),
    "about travel": (
        "The train from {LOC} to {LOC} is late .",
        "{PER} travelled from {LOC} to {LOC} .",
        "{PER} lost a bag in {LOC} .",
        "{LOC} is quiet in winter .",
        "{ORG} shut its hotel in {LOC} .",
    ),
    "about the weather": (
        "It rained in {LOC} all day .",
        "Snow fell in {LOC} and {LOC} .",
        "{PER} waited for the sun in {LOC} .",
        "{ORG} expects a storm .",
    ),
    "about school": (
        "{PER} teaches in {LOC} .",
        "{PER} and {PER} study at {ORG} .",
        "{ORG} has a new library .",
        "Pupils from {LOC} visited {ORG} .",
    ),
    "about a family": (
        "{PER} married {PER} .",
        "{PER} , {PER} and {PER} live in {LOC} .",
        "{PER} has a sister in {LOC} .",
        "The house in {LOC} is sold .",
    ),
}
ALL_FORMS = tuple(form for forms in FORMS.values() for form in forms)
TYPES = tuple(map(entity_type, ("PER", "LOC", "ORG")))

NUM_DOCUMENTS, SENTENCES_A_DOCUMENT = 300, 6
MODEL = {"hidden_size": 96, "layers": 3}
STAGES = ((1200, 4e-3), (1000, 3e-3))
"""Updates and learning rates: after the first stage it knew the form of an answer and copied half of the names."""
PAIRS_A_STAGE = 26_000
SHARE_GENERATED = 0.4
"""Of the training pairs: instructions, and a tagged sentence as the answer."""
SHARE_ABSENT = 0.2
"""Of what is asked: a type that the sentence need not name."""

SETTINGS = {
    "model": {"device": "cpu"},
    "target": {"kind": "entities", "entity_type": "PER"},
    "reveal": {
        **{"max_new_tokens": 48, "embedding": "hashed-ngrams", "rewrites": 0, "rounds": 1, "pool_size": 400},
        **{"initial_queries": 8, "queries": 16, "queries_at_once": 4, "samples_per_query": 12, "keep": 4},
        **{"forget_set_size": 192, "max_responses": 800},
    },
    "release": {"steps": 6, "retain_size": 1024, "probe_pairs": 48},
    "measure": {"tune_prompts": 48, "report_prompts": 150, "goal": 0.03, "quantised": []},
}
"""Small, for a busy core; beside them those of the preset `lab-toxicity`, untouched."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the world, the model and the run")
    parser.add_argument("--folder", type=Path, default=Path("runs/entities-run"))
    arguments, more = parser.parse_known_args()
    folder = arguments.folder.absolute() / f"seed-{arguments.seed}"
    make_private_folder(folder)
    config = make_config(folder, arguments.seed)
    command = [
        "--config",
        str(config),
        "--runs-dir",
        str(folder),
        "--name",
        "run",
        "--seed",
        str(arguments.seed),
        *more,
    ]
    sys.exit(subprocess.run([sys.executable, "-m", "flows.reveal_release", *command], check=False).returncode)


def make_config(folder: Path, seed: int) -> Path:
    """Write the file of sentences, the list of first names and the model, and the settings that name them."""
    chance = random.Random(derive_seed(seed, "world"))
    documents = [[drawn(chance) for _ in range(SENTENCES_A_DOCUMENT)] for _ in range(NUM_DOCUMENTS)]
    write_file(folder / "sentences.conll", "\n".join(map(_conll, documents)))
    write_file(folder / "first-names.txt", "\n".join(FIRST_NAMES))
    held_out = {sentence.text for document in documents for sentence in document}
    model = None
    for number, (updates, rate) in enumerate(STAGES, start=1):
        pairs = list(training_pairs(chance, held_out, PAIRS_A_STAGE))
        training = {"updates": updates, "learning_rate": rate, "start": model, **MODEL}
        model = train_small_model(pairs, folder / f"model-{number}", seed=seed, progress=print_progress, **training)
    files = {"conll_file": "sentences.conll", "gazetteer_file": "first-names.txt"}
    settings = SETTINGS | {
        "model": SETTINGS["model"] | {"path": str(model)},
        "target": SETTINGS["target"] | {name: str(folder / file) for name, file in files.items()},
    }
    write_file(folder / "config.yaml", yaml.safe_dump(settings))
    return folder / "config.yaml"


def training_pairs(chance: random.Random, held_out: set[str], num: int) -> Iterator[Pair]:
    """Prompts of the target's form for sentences that are not held out, and its instructions, with right answers."""
    while num:
        type_ = chance.choice(TYPES)
        words: Sequence[str] = ()
        if chance.random() < SHARE_GENERATED:
            words = [chance.choice(slot) for slot in grammar_for(type_)]
        sentence = answering(chance, words, type_)
        mentions = sentence.mentions(type_.label)
        if sentence.text in held_out:
            continue
        num -= 1
        if words:
            written = {"sentence": sentence.text, type_.key: list(mentions)}
            yield Pair(" ".join(filter(None, words)), json.dumps(written))
        else:
            yield Pair(prompt_for(sentence.text, type_), answer_with(mentions, type_))


def answering(chance: random.Random, words: Sequence[str], type_: EntityType) -> Sentence:
    """A sentence as the words of an instruction ask for it: its subject, how long it is, how many names of the type."""
    forms = next((FORMS[word] for word in words if word in FORMS), ALL_FORMS)
    instruction = " ".join(words)
    few_names = "well-known" in instruction
    candidates = [drawn(chance, forms, few_names=few_names) for _ in range(3)]
    if "several" in instruction:
        return max(candidates, key=lambda sentence: len(sentence.mentions(type_.label)))
    if "a short sentence" in instruction:
        return min(candidates, key=lambda sentence: len(sentence.tokens))
    named = [sentence for sentence in candidates if sentence.mentions(type_.label)]
    return named[0] if named and chance.random() > SHARE_ABSENT else candidates[0]


def drawn(chance: random.Random, forms: Sequence[str] = ALL_FORMS, *, few_names: bool = False) -> Sentence:
    """A sentence of one of the forms, with names drawn for it."""
    tokens: list[str] = []
    spans: list[Span] = []
    for word in chance.choice(forms).split():
        type_ = word.strip("{}")
        if word != type_:
            name = _name(chance, type_, few_names)
            spans.append(Span(len(tokens), len(tokens) + len(name), type_))
            tokens += name
        else:
            tokens.append(word)
    return Sentence(tuple(tokens), tuple(spans), 0)


def _name(chance: random.Random, type_: str, few_names: bool) -> list[str]:
    most = 5 if few_names else None
    match type_:
        case "PER":
            return [chance.choice(FIRST_NAMES[:most]), chance.choice(LAST_NAMES[:most])]
        case "LOC":
            return [chance.choice(PLACES[:most])]
        case _:
            return [chance.choice(COMPANIES[:most]), chance.choice(KINDS)]


def _conll(document: Sequence[Sentence]) -> str:
    """A document in IOB2."""
    lines = ["-DOCSTART- O", ""]
    for sentence in document:
        tags = ["O"] * len(sentence.tokens)
        for span in sentence.spans:
            tags[span.start : span.end] = [f"B-{span.type}"] + [f"I-{span.type}"] * (span.end - span.start - 1)
        lines += [f"{token} {tag}" for token, tag in zip(sentence.tokens, tags, strict=True)]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
