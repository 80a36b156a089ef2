"""Tasks: the forget adapter and the retain adapter of a step."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger

from tasks.choose_weight import CHOICE
from tasks.settings.release import ReleaseSettings
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import RETAIN_SET, Subject
from tasks.unit_task import Progress, shown_progress, unit_task

if TYPE_CHECKING:
    from tasks.models.language_model import LanguageModel
    from tasks.models.pair import Pair
    from tasks.release.adapter import Adapter
    from tasks.release.o_lora import Penalty

GATE = "gate.json"


@unit_task(name="train-forget-adapter", task_run_name="forget-adapter-step{step:02d}")
def train_forget_adapter(subject: Subject, unit: Unit, *, step: int, release: ReleaseSettings) -> UnitRef:
    """An adapter trained on the forget pairs that the checkpoint before the step still finds likely.

    Where few such pairs remain none is trained, and the manifest's scores say so (`trained` 0).
    """
    if found := subject.run.find(unit):
        return found
    from tasks.models.likelihood import nll_per_token
    from tasks.release.adapter import save_adapter
    from tasks.release.gate import few_remain, open_pairs

    with subject.run.write(unit) as writer, shown_progress(f"forget-{subject.run.name}", unit.name) as progress:
        lm = subject.load_model(step - 1)
        pairs = subject.forget_pairs(step)
        nll = nll_per_token(lm, pairs, batch_size=subject.model.batch_size).tolist()
        still_open = open_pairs(nll, release.open_below)
        is_trained = not few_remain(len(still_open), len(pairs), min_share=release.few_open)
        if is_trained:
            train = _trainer(release, release.forget_updates, release.forget_batch, unit.seed, progress)
            save_adapter(train(lm, [pairs[i] for i in still_open]), writer.path)
        gate = {"pairs": len(pairs), "open": len(still_open), "mean_nll": sum(nll) / len(nll), "trained": is_trained}
        write_file(writer.path / GATE, json.dumps(gate, indent=2) + "\n")
        writer.scores |= gate
    get_run_logger().info("step %d: %d of %d forget pairs are still likely", step, len(still_open), len(pairs))
    return writer.ref


@unit_task(name="train-retain-adapter", task_run_name="retain-adapter-step{step:02d}")
def train_retain_adapter(subject: Subject, unit: Unit, *, step: int, release: ReleaseSettings) -> UnitRef:
    """An adapter trained on the retain set; in `residual` order with the step's forget update already subtracted."""
    if found := subject.run.find(unit):
        return found
    from tasks.release.adapter import load_adapter, save_adapter
    from tasks.release.merge import Checkpoints
    from tasks.release.o_lora import away_from
    from tasks.release.rebuild import recorded_updates
    from tasks.release.step import residual_updates

    with subject.run.write(unit) as writer, shown_progress(f"retain-{subject.run.name}", unit.name) as progress:
        lm = subject.load_model()
        updates = recorded_updates(subject.run.path, step - 1)
        folder = subject.run.folder(unit).parent
        forget = load_adapter(folder / "forget-adapter")
        if release.order == "residual":
            updates = residual_updates(updates, forget, forget_weight=residual_weight(folder, release))
        Checkpoints(subject.base).apply(lm, updates)
        penalty = away_from(forget, weight=release.orthogonality) if release.orthogonality else None
        train = _trainer(release, release.retain_updates, release.retain_batch, unit.seed, progress, penalty)
        save_adapter(train(lm, subject.pairs(RETAIN_SET, "train")), writer.path)
    return writer.ref


def residual_weight(step_folder: Path, release: ReleaseSettings) -> float:
    """The factor a that a step in `residual` order is trained and merged with."""
    if not release.chooses_first:
        return release.forget_weight
    return json.loads((step_folder / "forget-weight" / CHOICE).read_text(encoding="utf-8"))["forget_weight"]


def _trainer(
    release: ReleaseSettings,
    num_updates: int,
    batch_size: int,
    seed: int,
    progress: Progress,
    penalty: "Penalty | None" = None,
) -> "Callable[[LanguageModel, Sequence[Pair]], Adapter]":
    from tasks.models.four_bit import in_4bit
    from tasks.release.training import train_adapter

    def train(lm: "LanguageModel", pairs: "Sequence[Pair]") -> "Adapter":
        with in_4bit(lm.model) if release.train_in == "4bit" else nullcontext():
            return train_adapter(
                lm,
                pairs,
                rank=release.rank,
                alpha=release.lora_alpha,
                learning_rate=release.learning_rate,
                num_steps=num_updates,
                batch_size=batch_size,
                max_grad_norm=release.max_grad_norm,
                seed=seed,
                gradient_checkpointing=release.gradient_checkpointing,
                tokens_at_once=release.tokens_at_once,
                penalty=penalty,
                progress=lambda update, loss: progress(update / num_updates, f"loss {loss:.2f}"),
            )

    return train
