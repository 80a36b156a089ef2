"""One release step beside two bare LoRA trainings: what all else costs, in CPU seconds.

    python -m benchmarks.release_step [--preset lab-toxicity] [--seed 13] [--runs-dir DIR] [--repetitions 5]

Prints markdown. The step is run twice, by calling its tasks as plain functions, and as the flow under Prefect (server
included); the bare loop is plain peft on the same pairs, with as many updates of as many pairs. Each has a process of
its own; what importing costs, and starting and stopping Prefect, is not counted. Prefect's own share is a difference of
whole processes, so all of them are repeated in turn, and medians are printed.
"""

import argparse
import json
import logging
import os
import resource
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any
from unittest.mock import patch

STEP = "step-01"
PLAN = "plan"
PARTS = {
    PLAN: ("flows.opening.make_plan",),
    "model": ("tasks.release.resident.take_model",),
    "training": ("tasks.release.training.train_adapter",),
    "gate": ("tasks.models.likelihood.nll_per_token",),
    "probe": (
        "tasks.subject.Subject.weight_chooser",
        "tasks.release.weights.WeightChooser.forget_weight",
        "tasks.release.weights.WeightChooser.retain_weight",
    ),
    "merge": ("tasks.release.merge.Checkpoints.apply", "tasks.release.step.interference"),
    "measuring": ("tasks.subject.Subject.measure_model", "tasks.subject.Subject.measure_rounded"),
    "store": (
        "tasks.store.run.Run.find",
        "tasks.release.adapter.save_adapter",
        "tasks.release.adapter.load_adapter",
        "tasks.choose_weight.write_file",
        "tasks.merge_adapters.write_file",
        "tasks.train_adapter.write_file",
    ),
}
"""The functions that a part of the step's time is spent in; called by one another the outer one counts."""


class Clock:
    """CPU seconds of this process by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._is_running = False

    @contextmanager
    def count(self, part: str) -> Iterator[None]:
        if self._is_running:
            yield
            return
        self._is_running, started = True, process_time()
        try:
            yield
        finally:
            self._is_running = False
            self.seconds[part] += process_time() - started

    def counted(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            with self.count(part):
                return function(*arguments, **keywords)

        return call

    @contextmanager
    def written(self, writing: Any) -> Iterator[Any]:
        """A unit's folder: beginning and completing it is the store's work, what happens in between is not."""
        with ExitStack() as stack:
            with self.count("store"):
                writer = stack.enter_context(writing)
            yield writer
            with self.count("store"):
                stack.close()

    @contextmanager
    def watching(self) -> Iterator[None]:
        from pkgutil import resolve_name

        from tasks.store.run import Run

        with ExitStack() as stack:
            for part, names in PARTS.items():
                for name in names:
                    stack.enter_context(patch(name, self.counted(part, resolve_name(name))))
            write = Run.write
            stack.enter_context(patch.object(Run, "write", lambda *a, **k: self.written(write(*a, **k))))
            yield


def settings_of(preset: str, seed: int, runs_dir: Path) -> Any:
    from flows.command_line import read_arguments

    given = ["--preset", preset, "--seed", str(seed), "--runs-dir", str(runs_dir), "--release.steps", "1"]
    return read_arguments(given, program="", description="").settings


def imports() -> None:
    """All that the others import."""
    import torch
    from peft import get_peft_model  # noqa: F401

    import tasks.assess.measure
    import tasks.release.resident
    import tasks.release.step
    import tasks.release.training  # noqa: F401

    torch.set_num_threads(1)


def plain(settings: Any) -> None:
    import tasks.choose_weight as choosing
    import tasks.merge_adapters as merging
    import tasks.train_adapter as training
    from flows.opening import open_run
    from tasks.lab.model import lab_model
    from tasks.subject import Subject, one_model

    run, plan = open_run(settings)
    subject = Subject(
        run=run,
        base=lab_model(settings.seed).folder,
        device=plan.device,
        backend=plan.backend,
        model=settings.model,
        target=settings.target,
        measure=settings.measure,
        seed=settings.seed,
    )

    @contextmanager
    def unseen(key: str, description: str) -> Iterator[Callable[[float, str], None]]:
        yield lambda share, words: None

    how = {"step": 1, "release": settings.release}
    with (
        one_model(),
        patch.object(training, "get_run_logger", logging.getLogger),
        patch.object(training, "shown_progress", unseen),
        patch.object(choosing, "get_run_logger", logging.getLogger),
        patch.object(merging, "get_run_logger", logging.getLogger),
    ):
        subject.load_model()
        training.train_forget_adapter.fn(subject, plan.forget_adapter(1), **how)
        if weight := plan.forget_weight(1):
            choosing.choose_forget_weight.fn(subject, weight, **how)
        training.train_retain_adapter.fn(subject, plan.retain_adapter(1), **how)
        merging.merge_adapters.fn(subject, plan.checkpoint(1), **how)


def prefect(settings: Any) -> None:
    from flows.release import release

    release(settings)


def bare(settings: Any) -> None:
    """What a notebook would do: peft, AdamW, a loop."""
    import torch
    from peft import LoraConfig, get_peft_model
    from torch.nn.utils.rnn import pad_sequence

    from tasks.lab.model import lab_model
    from tasks.models.language_model import load_language_model
    from tasks.models.layers import linear_layers
    from tasks.models.pair_file import read_pairs
    from tasks.subject import FORGET_SET, RETAIN_SET

    release = settings.release
    run = Path(settings.runs_dir) / settings.run_name
    lm = load_language_model(lab_model(settings.seed).folder)
    config = LoraConfig(
        r=release.rank,
        lora_alpha=release.lora_alpha,
        target_modules=list(linear_layers(lm.model)),
        task_type="CAUSAL_LM",
    )
    for file, num_updates, batch_size in (
        (FORGET_SET, release.forget_updates, release.forget_batch),
        (RETAIN_SET, release.retain_updates, release.retain_batch),
    ):
        encoded = [lm.encode_pair(pair) for pair in read_pairs(run / file, "train")[: num_updates * batch_size]]
        model = get_peft_model(lm.model, config)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=release.learning_rate)
        for update in range(num_updates):
            batch = [encoded[(update * batch_size + i) % len(encoded)] for i in range(batch_size)]
            ids = pad_sequence([torch.tensor(ids) for ids, _ in batch], batch_first=True)
            labels = pad_sequence(
                [torch.tensor([-100] * start + ids[start:]) for ids, start in batch],
                batch_first=True,
                padding_value=-100,
            )
            optimizer.zero_grad()
            model(input_ids=ids, labels=labels).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), release.max_grad_norm)
            optimizer.step()
        model.unload()


MODES = {"imports": lambda settings: None, "plain": plain, "prefect": prefect, "done": prefect, "bare": bare}


def child(mode: str, settings: Any) -> None:
    imports()
    clock = Clock()
    with clock.watching():
        started = process_time()
        MODES[mode](settings)
        spent = process_time() - started
    print(json.dumps({"all": spent, **clock.seconds}))


def spent_by(mode: str, arguments: argparse.Namespace, whole: Path) -> tuple[dict[str, float], float]:
    """CPU seconds by part, and of the process with all its children."""
    folder = arguments.runs_dir / mode
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder / whole.name, ignore=None if mode == "done" else shutil.ignore_patterns(STEP))
    command = [sys.executable, "-m", "benchmarks.release_step", "--mode", mode, "--runs-dir", str(folder)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PREFECT_HOME": str((folder / ".prefect").absolute()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    done = subprocess.run(
        [*command, "--preset", arguments.preset, "--seed", str(arguments.seed)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout.splitlines()[-1]), total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="lab-toxicity")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/release-step"))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--mode", choices=MODES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.mode:
        child(arguments.mode, settings_of(arguments.preset, arguments.seed, arguments.runs_dir))
        return

    command = [sys.executable, "-m", "flows.reveal_release", "--preset", arguments.preset, "--release.steps", "1"]
    where = ["--seed", str(arguments.seed), "--runs-dir", str(arguments.runs_dir / "whole")]
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    whole = arguments.runs_dir / "whole" / f"{arguments.preset}-s{arguments.seed}"

    spent = [{mode: spent_by(mode, arguments, whole) for mode in MODES} for _ in range(arguments.repetitions)]
    parts = {name: median(one["plain"][0].get(name, 0.0) for one in spent) for name in ("all", *PARTS)}
    imports_s, done_s = (median(one[mode][1] for one in spent) for mode in ("imports", "done"))
    rows = {name: parts[name] for name in PARTS}
    rows["rest"] = parts["all"] - sum(rows.values())
    del rows[PLAN]  # made once a run
    under_prefect = [one["prefect"][1] - one["done"][1] for one in spent]
    rows["Prefect"] = median(under_prefect) - sum(rows.values())
    whole_s = sum(rows.values())
    print("| part | CPU-s | share of the step |\n|---|---|---|")
    for name, seconds in rows.items():
        print(f"| {name} | {seconds:.2f} | {seconds / whole_s:.0%} |")
    print(f"\nthe step {whole_s:.2f} CPU-s; {whole_s - rows['Prefect']:.2f} without Prefect")
    print(
        f"not counted: importing {imports_s:.2f}; starting and stopping Prefect and its server {done_s - imports_s:.2f}"
    )
    bare_s = median(one["bare"][0]["all"] for one in spent)
    print(f"two bare LoRA trainings {bare_s:.2f} CPU-s, ours {rows['training']:.2f}")
    print("under Prefect, one by one: " + ", ".join(f"{seconds:.2f}" for seconds in sorted(under_prefect)))


if __name__ == "__main__":
    main()
