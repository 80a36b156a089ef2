"""Task: how much of a step's forget update is subtracted, chosen before the retain adapter is trained."""

import json

from prefect import get_run_logger

from tasks.settings.release import ReleaseSettings
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import unit_task

CHOICE = "choice.json"


@unit_task(name="choose-forget-weight", task_run_name="forget-weight-step{step:02d}")
def choose_forget_weight(subject: Subject, unit: Unit, *, step: int, release: ReleaseSettings) -> UnitRef:
    """The factor a of a step in `residual` order, and what was read for it (`choice.json`)."""
    if found := subject.run.find(unit):
        return found
    from tasks.release.adapter import load_adapter

    with subject.run.write(unit) as writer:
        lm = subject.load_model(step - 1)
        forget = load_adapter(subject.run.folder(unit).parent / "forget-adapter")
        weight, read = subject.weight_chooser(lm, step, release).forget_weight(forget)
        write_file(writer.path / CHOICE, json.dumps({"forget_weight": weight, **read}, indent=2) + "\n")
        writer.scores |= {"forget_weight": weight, "sequences": read["sequences"]}
    get_run_logger().info("step %d: %.3g of the forget update is subtracted", step, weight)
    return writer.ref
