"""Tasks: SISA shards of the lab's facts, made to forget, and measured; see `tasks.baselines.sisa.shards`."""

import json
from dataclasses import asdict
from pathlib import Path

from tasks.measure_checkpoint import SCORES
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.try_method import CHOICE
from tasks.unit_task import shown_progress, unit_task

SHARDS = {
    "num_shards": 4,
    "num_slices": 4,
    "rank": 16,
    "alpha": 32,
    "learning_rate": 5e-3,
    "epochs": 8,
    "batch_size": 32,
    "max_grad_norm": 1.0,
}
"""Chosen on development seed 10 of four tried: those that learn more there spoil other skills."""
TRAINED, FORGOTTEN = "compare/sisa/trained", "compare/sisa/forgotten"


@unit_task(name="train-sisa", task_run_name="{unit.name}")
def train_sisa(subject: Subject, unit: Unit, *, gold: Path) -> UnitRef:
    """Shards that learn all facts on the gold model, then forget those of the target; goes on where it was killed.

    They are folders of their own in the run; the unit records what forgetting has cost.
    """
    if found := subject.run.find(unit):
        return found
    from tasks.baselines.sisa.lab_facts import FORGOTTEN as OWNERS
    from tasks.baselines.sisa.lab_facts import facts_by_author
    from tasks.baselines.sisa.shards import forget, load_shards, train_shards

    data, run = facts_by_author(subject.seed), subject.run.path
    with subject.run.write(unit) as writer, shown_progress(f"sisa-{subject.run.name}", unit.name) as progress:
        train_shards(run / TRAINED, gold, data, seed=unit.seed, **SHARDS, progress=progress)
        kept = {owner: pairs for owner, pairs in data.items() if owner not in OWNERS}
        work = forget(run / FORGOTTEN, gold, kept, trained=run / TRAINED, owners=OWNERS, progress=progress)
        # Shards that never saw an author outvote the one that did: what is left after forgetting is read beside this.
        before = subject.forget_metric(load_shards(run / TRAINED, gold), subject.load_target())
        spent = {"updates": work.updates, "sequences": work.sequences}
        choice = {"knobs": SHARDS, "spent": spent, "work": asdict(work), "forget_before": before}
        write_file(writer.path / CHOICE, json.dumps(choice, indent=2) + "\n")
        writer.scores |= {"slices_trained_again": work.slices, "slices": work.num_slices}
    return writer.ref


@unit_task(name="measure-sisa", task_run_name="measure-{unit.name}")
def measure_sisa(subject: Subject, unit: Unit, *, gold: Path) -> UnitRef:
    """The shards' mean answer on the report split; there is no one model to train on, so no recovery test."""
    if found := subject.run.find(unit):
        return found
    from tasks.baselines.sisa.shards import load_shards

    with subject.run.write(unit) as writer:
        lm = load_shards(subject.run.path / FORGOTTEN, gold)
        scores = subject.report_model(lm).to_json()
        write_file(writer.path / SCORES, json.dumps(scores, indent=2) + "\n")
        writer.scores |= scores
    return writer.ref
