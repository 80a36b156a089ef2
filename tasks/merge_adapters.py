"""Task: merge the two adapters of a step, measure, and keep the step only if nothing else broke."""

import json

from prefect import get_run_logger

from tasks.announce import STEP_ACCEPTED, STEP_UNDONE, announce
from tasks.measure_checkpoint import SCORES
from tasks.settings.release import ReleaseSettings
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.train_adapter import residual_weight
from tasks.unit_task import unit_task


@unit_task(name="merge-adapters", task_run_name="merge-step{step:02d}")
def merge_adapters(subject: Subject, unit: Unit, *, step: int, release: ReleaseSettings) -> UnitRef:
    """The decision on a step (`merge.json`) and the scores of the checkpoint it leads to (`scores.json`)."""
    if found := subject.run.find(unit):
        return found
    from tasks.assess.surviving import surviving_update
    from tasks.models.quantisation import SCHEMES
    from tasks.release.adapter import load_adapter
    from tasks.release.candidates import Weights
    from tasks.release.goals import broken_limits, come_back, set_back, unmet_goals
    from tasks.release.merge import Checkpoints
    from tasks.release.rebuild import recorded_updates
    from tasks.release.step import settle

    with subject.run.write(unit) as writer:
        folder = subject.run.folder(unit)
        forget, retain = (load_adapter(folder / f"{side}-adapter") for side in ("forget", "retain"))
        lm = subject.load_model(step - 1)
        if release.weights == "fixed":
            weights, read = Weights(release.forget_weight, release.retain_weight), None
        elif release.chooses_first:
            a = residual_weight(folder, release)
            weights, read = subject.weight_chooser(lm, step, release).retain_weight(forget, retain, a)
        else:
            weights, read = subject.weight_chooser(lm, step, release).both_weights(forget, retain)

        checkpoints, limits = Checkpoints(subject.base), subject.measure
        before, previous = subject.read_scores(0), subject.read_scores(step - 1)
        measured = []

        def measure() -> dict[str, float]:
            scores = subject.measure_model(lm, "tune")
            # With rounded weights, which costs twice as much again, only what is forgotten at full precision.
            if not unmet_goals(scores, goal=limits.goal, goal_nll=limits.goal_nll):
                scores = subject.measure_rounded(lm, "tune", scores)
            measured.append(scores)
            return scores.guarded()

        decision, _ = settle(
            lm,
            checkpoints,
            recorded_updates(subject.run.path, step - 1),
            step=step,
            forget=forget,
            retain=retain,
            weights=weights,
            measure=measure,
            guard=lambda _: [
                *broken_limits(
                    before, measured[-1], max_drop=limits.max_drop, max_perplexity_rise=limits.max_perplexity_rise
                ),
                *come_back(subject.forgotten, before, measured[-1]),
            ],
            set_back=lambda: set_back(previous, measured[-1], goal_nll=limits.goal_nll),
        )
        scores = measured[-1] if decision.accepted else previous
        unmet = unmet_goals(scores, goal=limits.goal, goal_nll=limits.goal_nll)
        surviving = {
            scheme: surviving_update(checkpoints.beside(lm), SCHEMES[scheme]).to_json() for scheme in limits.quantised
        }
        record = decision.record() | {
            "choice": read,
            "surviving": surviving,
            "goal_met": decision.accepted and not unmet,
        }
        write_file(writer.path / "merge.json", json.dumps(record, indent=2) + "\n")
        write_file(writer.path / SCORES, json.dumps(scores.to_json(), indent=2) + "\n")
        writer.scores |= {"accepted": decision.accepted, "goal_met": record["goal_met"], **scores.to_json()}
    event = STEP_ACCEPTED if decision.accepted else STEP_UNDONE
    announce(event, subject.run.name, {"step": step, "forget": scores.forget, "why": decision.why})
    get_run_logger().info("step %d: forget %.2f, %s", step, scores.forget, decision.why)
    return writer.ref
