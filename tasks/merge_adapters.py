"""Task: merge the two adapters of a step, measure, and keep the step only if nothing else broke."""

import json

from prefect import get_run_logger

from tasks.measure_checkpoint import SCORES
from tasks.settings.release import ReleaseSettings
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import unit_task


@unit_task(name="merge-adapters", task_run_name="merge-step{step:02d}")
def merge_adapters(subject: Subject, unit: Unit, *, step: int, release: ReleaseSettings) -> UnitRef:
    """The decision on a step (`merge.json`) and the scores of the checkpoint it leads to (`scores.json`)."""
    if found := subject.run.find(unit):
        return found
    from tasks.release.adapter import load_adapter
    from tasks.release.goals import release_guards, unmet_goals
    from tasks.release.guard import tripped
    from tasks.release.merge import Checkpoints
    from tasks.release.rebuild import recorded_updates
    from tasks.release.step import settle

    with subject.run.write(unit) as writer:
        lm = subject.load_model()
        limits = subject.measure
        before = subject.read_scores(0)
        guards = release_guards(
            before.utility, max_drop=limits.max_drop, max_perplexity_rise=limits.max_perplexity_rise
        )
        measured = []

        def measure() -> dict[str, float]:
            measured.append(subject.measure_model(lm, "tune"))
            return measured[-1].guarded()

        folder = subject.run.folder(unit)
        decision, _ = settle(
            lm,
            Checkpoints(subject.base),
            recorded_updates(subject.run.path, step - 1),
            step=step,
            forget=load_adapter(folder / "forget-adapter"),
            retain=load_adapter(folder / "retain-adapter"),
            forget_weight=release.forget_weight,
            retain_weight=release.retain_weight,
            measure=measure,
            guard=lambda scores: tripped(guards, before.guarded(), scores),
        )
        scores = measured[-1] if decision.accepted else subject.read_scores(step - 1)
        unmet = unmet_goals(scores, goal=limits.goal, goal_nll=limits.goal_nll)
        record = decision.record() | {"goal_met": decision.accepted and not unmet}
        write_file(writer.path / "merge.json", json.dumps(record, indent=2) + "\n")
        write_file(writer.path / SCORES, json.dumps(scores.to_json(), indent=2) + "\n")
        writer.scores |= {"accepted": decision.accepted, "goal_met": record["goal_met"], **scores.to_json()}
    get_run_logger().info("step %d: forget %.2f, %s", step, scores.forget, decision.why)
    return writer.ref
