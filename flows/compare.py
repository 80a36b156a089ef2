"""Compare: other unlearning methods beside ours, on the same model, forget data, limits and measurements.

python -m flows.compare --preset lab-toxicity --lab.gold --compare.methods "[npo, grad-diff]"
"""

if __name__ == "__main__":
    # As in `flows.reveal_release`: the command line is read before Prefect is imported.
    from flows.compare_command import compare_command

    raise SystemExit(compare_command())

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

from prefect import flow
from prefect.exceptions import FailedRun

from flows.assess import assess, put_probe
from flows.comparing import check_comparison, comparison_folder, runs_of
from flows.opening import open_run
from flows.plan import Plan
from flows.reveal_release import reveal_release
from flows.run_settings import RunSettings
from flows.subject import open_subject
from flows.turn import turn
from tasks.build_true_data import build_true_data
from tasks.close_comparison import close_comparison
from tasks.measure_checkpoint import measure_checkpoint
from tasks.prepare_model import prepare_gold
from tasks.report.summary import read_summary
from tasks.settings.compare import Compared
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject, one_model
from tasks.train_sisa import measure_sisa, train_sisa
from tasks.try_method import try_method, unlearn_by_method


class NotCompared(Exception):  # noqa: N818 - an outcome, not an error: the row is listed as missing
    """A method has no row, for the reason given."""


class Budget:
    """Minutes after which nothing new is begun; 0: no end."""

    def __init__(self, minutes: int) -> None:
        self._minutes = minutes
        self._end = monotonic() + 60 * minutes

    def require(self) -> None:
        """Raise where it is spent."""
        if self._minutes and monotonic() > self._end:
            raise NotCompared(f"the budget of {self._minutes} minutes was spent; call again to go on")


@flow(name="compare", flow_run_name="compare-{settings.run_name}", persist_result=False)
def compare(settings: RunSettings) -> str:
    """A run and its recovery tests for each seed, then every other method on what it revealed; one table of all.

    Each method is tried with the same number of settings on the tune split, and the best is measured as the run is.
    What is finished answers from the store, and a later call goes on.

    Returns:
        The folder of the comparison.
    """
    check_comparison(settings)
    runs, budget, missing = runs_of(settings), Budget(settings.compare.budget_minutes), []
    for seed, one in runs.items():
        missing += [{"method": method, "seed": seed, "why": why} for method, why in compare_on(one, budget)]
    first = next(iter(runs.values()))
    close_comparison(
        open_subject(first, *open_run(first)),
        comparison_folder(settings),
        runs={seed: open_run(one)[0].path for seed, one in runs.items()},
        compared=settings.compare.compared,
        trials=settings.compare.trials,
        missing=missing,
    )
    return str(comparison_folder(settings))


def compare_on(settings: RunSettings, budget: Budget) -> Iterator[tuple[str, str]]:
    """All rows of one seed; yields which have none, and why."""
    compared = settings.compare.compared
    run, plan = open_run(settings)
    try:
        if not run.find(plan.forget_set):
            budget.require()
        own_row(settings)
    except NotCompared as reason:
        yield from ((name, str(reason)) for name in ("reveal-release", *(one.label for one in compared)))
        return
    with turn(run, plan), one_model():
        subject = open_subject(settings, run, plan)
        for one in compared:
            try:
                method_row(subject, plan, settings, one, budget)
            except NotCompared as reason:
                yield one.label, str(reason)


def own_row(settings: RunSettings) -> None:
    """The run itself, gold with it where that was asked for, and the recovery tests of both."""
    outcome = reveal_release(settings, return_state=True).result(raise_on_failure=False)
    if isinstance(outcome, BaseException) and not isinstance(outcome, FailedRun):  # A rejected run is a row as well.
        raise outcome
    summary = read_summary(open_run(settings)[0].path)
    if "forget" not in summary:
        raise NotCompared("the model revealed nothing of the target")
    if summary["last_step"] and settings.assess.probes:
        assess(settings)


def method_row(subject: Subject, plan: Plan, settings: RunSettings, compared: Compared, budget: Budget) -> None:
    """One method: its trials, the model of the best one, and all that the run is measured by."""

    def make(task: Any, unit: Unit, **parameters: Any) -> UnitRef:
        if not subject.run.find(unit):
            budget.require()
        return task(subject, unit, **parameters)

    if compared.method == "sisa":
        gold = prepare_gold(subject)
        make(train_sisa, plan.compared_model(compared), gold=gold)
        make(measure_sisa, plan.compared_report(compared), gold=gold)
        return
    size = settings.release.forget_batch
    if compared.true_data:
        make(build_true_data, plan.true_data, size=settings.reveal.forget_set_size)
    trials = [
        make(try_method, unit, compared=compared, number=number, batch_size=size)
        for number, unit in enumerate(plan.trials(compared), start=1)
    ]
    if all(trial.manifest()["scores"]["diverged"] for trial in trials):
        raise NotCompared(f"each of its {len(trials)} trials diverged")
    made = make(unlearn_by_method, plan.compared_model(compared), compared=compared, trials=trials, batch_size=size)
    measure_row(make, plan, settings, compared, made.folder)


def measure_row(make: Any, plan: Plan, settings: RunSettings, compared: Compared, model: Path) -> None:
    """The report split and the recovery tests, as of the run's own model."""
    make(measure_checkpoint, plan.compared_report(compared), split="report", other_model=model)
    for probe in settings.assess.probes:
        unit = plan.compared_probe(probe, compared)
        make(lambda subject, unit, probe=probe: put_probe(subject, unit, probe, settings, other_model=model), unit)
