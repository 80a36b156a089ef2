"""Release: what was revealed is taken out of the weights, in small steps, each measured before the next.

python -m flows.release --preset lab-toxicity               after `python -m flows.reveal` with the same settings
python -m flows.release --preset lab-toxicity --undo-to 3   the model after step 3
"""

if __name__ == "__main__":
    # As in `flows.reveal_release`: the command line is read before Prefect is imported.
    from flows.release_command import release_command

    raise SystemExit(release_command())

from prefect import flow

from flows.opening import open_run
from flows.run_settings import RunSettings
from flows.subject import open_subject
from flows.turn import turn
from tasks.build_retain_set import build_retain_set
from tasks.choose_weight import choose_forget_weight
from tasks.measure_checkpoint import measure_checkpoint
from tasks.merge_adapters import merge_adapters
from tasks.reveal_again import reveal_again
from tasks.subject import one_model
from tasks.train_adapter import train_forget_adapter, train_retain_adapter


@flow(name="release", flow_run_name="release-{settings.run_name}", persist_result=False)
def release(settings: RunSettings) -> int:
    """Take steps until the goal is met, few forget pairs are still likely, or steps only do harm.

    Returns:
        The best of the accepted steps; 0 if there is none.
    """
    run, plan = open_run(settings)
    subject = open_subject(settings, run, plan)
    with one_model():
        measure_checkpoint(subject, plan.checkpoint(0), split="tune")
        accepted, undone = [], 0
        for step in range(1, settings.release.steps + 1):
            if again := plan.revealed_again(step):
                reveal_again(subject, again, step=step, reveal=settings.reveal)
            forget = train_forget_adapter(subject, plan.forget_adapter(step), step=step, release=settings.release)
            if not forget.manifest()["scores"]["trained"]:
                break
            if weight := plan.forget_weight(step):
                choose_forget_weight(subject, weight, step=step, release=settings.release)
            train_retain_adapter(subject, plan.retain_adapter(step), step=step, release=settings.release)
            merged = merge_adapters(subject, plan.checkpoint(step), step=step, release=settings.release)
            outcome = merged.manifest()["scores"]
            accepted, undone = ([*accepted, step], 0) if outcome["accepted"] else (accepted, undone + 1)
            if outcome["goal_met"] or undone == settings.release.patience:
                break
    return subject.best_step(accepted)


@flow(name="release-revealed", flow_run_name="release-{settings.run_name}", persist_result=False)
def release_revealed(settings: RunSettings) -> int:
    """Release alone, on a run that `flows.reveal` has left with a forget set; returns what `release` does."""
    run, plan = open_run(settings)
    with turn(run, plan):
        subject = open_subject(settings, run, plan)
        build_retain_set(subject, plan.retain_set, release=settings.release, reveal=settings.reveal)
        return release(settings)
