"""Durability: how hard is it to bring back what a model was made to forget?

After a run, with the flags it was run with; or on any model that has forgotten, against the one it was made from:

    python -m flows.assess --preset lab-toxicity
    python -m flows.assess --preset your-model --assess.checkpoint path/to/unlearned

With `--lm-eval gsm8k,ifeval` the same models are also put to benchmarks of lm-evaluation-harness.
"""

if __name__ == "__main__":
    # As in `flows.reveal_release`: the command line is read before Prefect is imported.
    from flows.command import assess_command

    raise SystemExit(assess_command())

from typing import Any

from prefect import flow

from flows.opening import open_assessment
from flows.plan import Plan
from flows.run_settings import RunSettings
from flows.subject import open_subject
from flows.turn import turn
from tasks.build_forget_set import build_forget_set
from tasks.build_retain_set import build_retain_set
from tasks.close_assessment import close_assessment
from tasks.measure_benchmark import measure_benchmark
from tasks.prepare_model import prepare_gold
from tasks.probe_extraction import probe_extraction
from tasks.probe_membership import probe_membership
from tasks.probe_relearning import probe_relearning
from tasks.search_arms import search_arms
from tasks.settings.assess import Probe
from tasks.settings.errors import UserError
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject


@flow(name="assess", flow_run_name="assess-{settings.run_name}", persist_result=False)
def assess(settings: RunSettings) -> str:
    """Put the recovery tests to the original model, to the one that forgot, and to gold where it was asked for.

    What was revealed is the run's; where a checkpoint from outside is assessed without a run, the original model
    reveals it first.

    Returns:
        Name of the file below the run that holds the result.
    """
    run, plan, step = open_assessment(settings)
    with turn(run, plan):
        subject, asked = open_subject(settings, run, plan), settings.assess
        models = _models(subject, plan, step)
        for benchmark in asked.lm_eval:  # First: data from a hub may not be had, and better that is known soon.
            for name, model in models.items():
                unit = plan.benchmark(benchmark, name, step)
                measure_benchmark(subject, unit, benchmark=benchmark, folder=asked.lm_eval_folder, **model)
        if asked.probes:
            _reveal(subject, plan, settings)
        for name, model in models.items():
            for probe in asked.probes:
                put_probe(subject, plan.probe(probe, name, step), probe, settings, **model)
        return close_assessment(
            subject,
            models=plan.assessed,
            probes=asked.probes,
            benchmarks=asked.lm_eval,
            min_relevance=settings.reveal.min_relevance,
        )


def _reveal(subject: Subject, plan: Plan, settings: RunSettings) -> None:
    """What the recovery tests work on: a run has it."""
    build_retain_set(subject, plan.retain_set, release=settings.release, reveal=settings.reveal)
    search_arms(subject, plan.search, reveal=settings.reveal)
    forget_set = build_forget_set(
        subject, plan.forget_set, reveal=settings.reveal, revealed_before=settings.revealed_before
    )
    if not forget_set.manifest()["scores"]["forget_set_size"]:
        raise UserError("the original model reveals nothing of the target, so there is nothing to bring back.")


def put_probe(subject: Subject, unit: Unit, probe: Probe, settings: RunSettings, **model: Any) -> UnitRef:
    """One recovery test of one model; `model` is how its task finds it."""
    match probe:
        case "relearning":
            return probe_relearning(subject, unit, assess=settings.assess, **model)
        case "membership":
            return probe_membership(subject, unit, **model)
        case "extraction":
            return probe_extraction(subject, unit, reveal=settings.reveal, assess=settings.assess, **model)


def _models(subject: Subject, plan: Plan, step: int) -> dict[str, dict[str, Any]]:
    """How a task finds each model that is assessed, by name."""
    original, other, *gold = plan.assessed
    checkpoint = plan.settings.assess.checkpoint
    models = {original: {}, other: {"other_model": checkpoint} if checkpoint else {"step": step}}
    return models | {name: {"other_model": prepare_gold(subject)} for name in gold}
