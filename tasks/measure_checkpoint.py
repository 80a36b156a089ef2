"""Task: measure a checkpoint, or the gold model, on one split."""

import json
from pathlib import Path

from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import unit_task

SCORES = "scores.json"


@unit_task(name="measure-checkpoint", task_run_name="measure-{unit.name}")
def measure_checkpoint(
    subject: Subject, unit: Unit, *, split: str, step: int = 0, other_model: Path | None = None
) -> UnitRef:
    """The scores of the model after a step, or of another model (gold), as `scores.json`; `report` with details."""
    if found := subject.run.find(unit):
        return found
    with subject.run.write(unit) as writer:
        lm = subject.load_model(step, other_model=other_model)
        if split == "report":
            scores = subject.report_model(lm).to_json()
        else:
            scores = subject.measure_rounded(lm, split, subject.measure_model(lm, split)).to_json()
        write_file(writer.path / SCORES, json.dumps(scores, indent=2) + "\n")
        writer.scores |= scores
    return writer.ref
