"""Tasks: the forget adapter and the retain adapter of a step."""

import json

from prefect import get_run_logger

from tasks.settings.release import ReleaseSettings
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import FORGET_SET, RETAIN_SET, Subject
from tasks.unit_task import shown_progress, unit_task

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
    from tasks.release.training import train_adapter

    with subject.run.write(unit) as writer, shown_progress(f"forget-{subject.run.name}", unit.name) as progress:
        lm = subject.load_model(step - 1)
        pairs = subject.pairs(FORGET_SET, "train")
        nll = nll_per_token(lm, pairs, batch_size=subject.model.batch_size).tolist()
        still_open = open_pairs(nll, release.open_below)
        is_trained = not few_remain(len(still_open), len(pairs), min_share=release.few_open)
        if is_trained:
            adapter = train_adapter(
                lm,
                [pairs[i] for i in still_open],
                rank=release.rank,
                alpha=release.lora_alpha,
                learning_rate=release.learning_rate,
                num_steps=release.forget_updates,
                batch_size=release.forget_batch,
                max_grad_norm=release.max_grad_norm,
                seed=unit.seed,
                progress=lambda update, loss: progress(update / release.forget_updates, f"loss {loss:.2f}"),
            )
            save_adapter(adapter, writer.path)
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
    from tasks.release.merge import Checkpoints, Update
    from tasks.release.rebuild import recorded_updates
    from tasks.release.training import train_adapter

    with subject.run.write(unit) as writer, shown_progress(f"retain-{subject.run.name}", unit.name) as progress:
        lm = subject.load_model()
        updates = recorded_updates(subject.run.path, step - 1)
        if release.order == "residual":
            forget = load_adapter(subject.run.path / f"step-{step:02d}" / "forget-adapter")
            updates.append(Update(forget, -release.forget_weight))
        Checkpoints(subject.base).apply(lm, updates)
        adapter = train_adapter(
            lm,
            subject.pairs(RETAIN_SET, "train"),
            rank=release.rank,
            alpha=release.lora_alpha,
            learning_rate=release.learning_rate,
            num_steps=release.retain_updates,
            batch_size=release.retain_batch,
            max_grad_norm=release.max_grad_norm,
            seed=unit.seed,
            progress=lambda update, loss: progress(update / release.retain_updates, f"loss {loss:.2f}"),
        )
        save_adapter(adapter, writer.path)
    return writer.ref
