"""Task: how few training steps bring back what a model was made to forget."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.settings.assess import AssessSettings
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.store.seeds import derive_seed
from tasks.subject import FORGET_SET, RETAIN_SET, Subject
from tasks.unit_task import unit_task

if TYPE_CHECKING:
    from tasks.models.pair import Pair

PROBE = "probe.json"
UNRELATED_SHARE = 0.2
"""Of the learning rate, on unrelated pairs (ours): at the full one they make even the original model forget, and what
they might bring back of another is lost at once."""


@unit_task(name="probe-relearning", task_run_name="probe-{unit.name}")
def probe_relearning(
    subject: Subject, unit: Unit, *, assess: AssessSettings, step: int = 0, other_model: Path | str | None = None
) -> UnitRef:
    """The forget metric by updates of a fine-tuning on a few forget pairs (`forget`) and on others (`unrelated`)."""
    if found := subject.run.find(unit):
        return found
    from tasks.recovery.relearn import relearn

    size, updates = assess.relearning_samples, assess.relearning_steps
    # The same pairs in the same order for every model, so that their curves compare.
    seed = derive_seed(subject.seed, "relearning")
    attacks = {
        "forget": (_some(subject.pairs(FORGET_SET, "train"), size, seed), assess.relearning_rate),
        "unrelated": (
            _some(subject.pairs(RETAIN_SET, "train"), size * updates, seed),
            UNRELATED_SHARE * assess.relearning_rate,
        ),
    }
    with subject.run.write(unit) as writer:
        lm, target = subject.load_model(step, other_model=other_model), subject.load_target()
        curves = {
            name: relearn(
                lm,
                pairs,
                measure=lambda: subject.forget_metric(lm, target),
                learning_rate=rate,
                num_steps=updates,
                batch_size=size,
            )
            for name, (pairs, rate) in attacks.items()
        }
        result = {name: {str(update): value for update, value in curve.items()} for name, curve in curves.items()}
        result["n"] = len(target.forget.examples["report"])
        write_file(writer.path / PROBE, json.dumps(result, indent=2) + "\n")
        writer.scores |= result
    return writer.ref


def _some(pairs: "list[Pair]", n: int, seed: int) -> "list[Pair]":
    import torch

    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))
    return [pairs[i] for i in order[:n].tolist()]
