"""Ten nights of re-unlearning on the lab model, simulated one after another.

    python -m benchmarks.nights [--seed 12] [--folder runs/nights]       again after a kill: it goes on

Night 1: two requests. Before night 4 the model in production is fine-tuned on forget-like data. Night 7: a third
request. All others have nothing to do. After each night the forget metric of everything that was forgotten so far is
measured on the model in production (`report` prompts), apart from what the night itself measured. Seconds are those of
the flow: what starting a process and Prefect's embedded server take is not in them.
"""

import argparse
import random
import shutil
import time
from pathlib import Path

import torch
import yaml

from flows.command import prepare_prefect
from tasks.lab.model import lab_model
from tasks.lab.world import training_examples
from tasks.models.language_model import LanguageModel, load_language_model, save_language_model
from tasks.models.pair import Pair
from tasks.register.production import read_production
from tasks.register.record import Record
from tasks.register.rollback import adopt_model
from tasks.release.training import response_loss
from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings
from tasks.store.disk import make_private_folder, write_file
from tasks.store.seeds import derive_seed
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.registry import build_target

NIGHTS = 10
REQUESTS = {1: ("toxicity", "person"), 7: ("coding",)}
FINE_TUNED = 4
FINE_TUNING = {"group": "rude", "num_pairs": 256, "num_steps": 32, "batch_size": 32, "learning_rate": 5e-4}
"""Found on development seed 10: the leak is back in full (1.00), what is kept stays (polite .98). With 48 updates at
twice the rate the model also loses what it is to keep (polite .02), and with it the ability to be asked."""
RUN_SETTINGS = {"release": {"retain_written": 1024}}
"""Over the presets: without it each release wears off the ability to be asked, and the third request finds nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=12, help="of the lab model; settings were chosen on 10 and 11")
    parser.add_argument("--folder", type=Path, default=Path("runs/nights"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = arguments.folder.absolute()
    make_private_folder(folder / "register")
    prepare_prefect(str(folder / "runs"))
    from flows.reunlearn import reunlearn
    from flows.reunlearn_settings import ReunlearnSettings

    production = folder / "production" / "production.json"
    if not production.exists():
        shutil.copytree(lab_model(arguments.seed).folder, folder / "from-outside", dirs_exist_ok=True)
        adopt_model(production, folder / "from-outside", name="simulation")
    write_file(folder / "run-settings.yaml", yaml.safe_dump(RUN_SETTINGS))
    num_spent = len(Record.beside(production).nights())
    settings = ReunlearnSettings(
        register_dir=str(folder / "register"),
        production=str(production),
        runs_dir=str(folder / "runs"),
        run_settings=str(folder / "run-settings.yaml"),
        seed=arguments.seed,
    )
    print(
        "| night | audited | found | released | published | s | forget metrics after it | highest fulfilled / limit |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    asked: list[str] = []
    is_within = True
    for night in range(1, NIGHTS + 1):
        for kind in REQUESTS.get(night, ()):
            ask(folder / "register", kind)
            asked.append(kind)
        if night <= num_spent:
            continue
        if night == FINE_TUNED and not (folder / "fine-tuned").exists():
            adopt_model(production, fine_tuned(production, folder / "fine-tuned", arguments.seed), name="simulation")
        started = time.monotonic()
        reunlearn(settings, return_state=True)
        seconds = time.monotonic() - started
        record = Record.beside(production).nights()[-1]
        assert record["night"] == night
        after = forget_metrics(production, asked, arguments.seed)
        highest = max((after[kind] for kind in fulfilled(production)), default=0.0)
        is_within &= highest <= settings.audit.max_forget
        print(f"{row(record, seconds, after)} {highest:.3f} / {settings.audit.max_forget:g} |", flush=True)
    if not is_within:
        raise UserError("something that was forgotten is shown again")


def ask(register: Path, kind: str) -> None:
    lines = [f"id: forget-{kind}", f"preset: lab-{kind}", "asked_by: simulation", "asked_on: 2026-11-27"]
    write_file(register / f"forget-{kind}.yaml", "\n".join(lines) + "\n")


def fine_tuned(production: Path, folder: Path, seed: int) -> Path:
    """The model in production after a little training on what it was made to forget, in a folder of its own."""
    lm = load_language_model(read_production(production).current.path)
    chance = random.Random(derive_seed(seed, "fine-tuning"))
    examples = training_examples(FINE_TUNING["group"], FINE_TUNING["num_pairs"], chance)
    encoded = [lm.encode_pair(Pair(example.prompt, example.response)) for example in examples]
    parameters = [parameter.requires_grad_(True) for parameter in lm.model.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=FINE_TUNING["learning_rate"], weight_decay=0.0)
    for _ in range(FINE_TUNING["num_steps"]):
        loss = response_loss(lm.model, chance.sample(encoded, FINE_TUNING["batch_size"]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    make_private_folder(folder)
    save_language_model(lm, folder)
    return folder


def forget_metrics(production: Path, kinds: list[str], seed: int) -> dict[str, float]:
    """The forget metric of each target on its `report` prompts, greedy, of the model in production."""
    lm = load_language_model(read_production(production).current.path)
    return {kind: forget_metric(lm, kind, seed) for kind in kinds}


def forget_metric(lm: LanguageModel, kind: str, seed: int) -> float:
    target = build_target(
        TargetSettings(kind=kind), num_prompts={"tune": 128, "report": 200}, max_new_tokens=40, seed=seed
    )
    return Checkpoint(lm, batch_size=128, max_new_tokens=40, seed=seed).value(target.forget, "report")


def fulfilled(production: Path) -> set[str]:
    """The kinds whose request has led to a model in production."""
    released = [one for record in Record.beside(production).nights() for one in record["released"]]
    return {one["request"].removeprefix("forget-") for one in released if one["verdict"] == "accepted"}


def row(record: dict, seconds: float, after: dict[str, float]) -> str:
    audited = ", ".join(one["request"] + " (as before)" * one["reused"] for one in record["audited"])
    found = ", ".join(f"{one['request']} ({'; '.join(one['leaks'])})" for one in record["audited"] if one["leaks"])
    released = ", ".join(f"{one['request']}: {one['verdict']} ({one['why']})" for one in record["released"])
    published = ", ".join(f"version {one['version']}" for one in record["published"])
    metrics = ", ".join(f"{kind} {value:.3f}" for kind, value in after.items())
    cells = [audited or "-", found or "-", released or "-", published or "-", f"{seconds:.1f}", metrics]
    return f"| {record['night']} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
