"""Task: whether a model's likelihoods tell what it was made to forget."""

import json
from pathlib import Path

from tasks.probe_relearning import PROBE
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import FORGET_SET, HELD_OUT, Subject
from tasks.unit_task import unit_task


@unit_task(name="probe-membership", task_run_name="probe-{unit.name}")
def probe_membership(subject: Subject, unit: Unit, *, step: int = 0, other_model: Path | str | None = None) -> UnitRef:
    """The area under the curve of each score, forget pairs that were trained on against pairs that never were.

    These are the true answers to the held-out prompts; where the target has none, the held-out revealed pairs.
    """
    if found := subject.run.find(unit):
        return found
    from tasks.models.membership import membership
    from tasks.models.pair import Pair

    with subject.run.write(unit) as writer:
        members = subject.pairs(FORGET_SET, "train")
        examples = subject.load_target().forget.examples["report"]
        true_pairs = [Pair(example.prompt, example.response) for example in examples if example.response]
        others = true_pairs or subject.pairs(FORGET_SET, HELD_OUT)
        lm = subject.load_model(step, other_model=other_model)
        result = membership(lm, members, others, batch_size=subject.model.batch_size)
        result |= {"n": len(members) + len(others)}
        write_file(writer.path / PROBE, json.dumps(result, indent=2) + "\n")
        writer.scores |= result
    return writer.ref
