"""Tasks: another unlearning method, tried with several settings, and the model of the best of them."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger

from tasks.settings.compare import Compared
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.store.seeds import derive_seed
from tasks.subject import FORGET_SET, RETAIN_SET, Subject
from tasks.unit_task import shown_progress, unit_task

if TYPE_CHECKING:
    from tasks.baselines.method import Spent
    from tasks.models.language_model import LanguageModel

TRIAL = "trial.json"
CHOICE = "choice.json"
TRUE_DATA = "compare/true-data/forget-set.jsonl"


@unit_task(name="try-method", task_run_name="{unit.name}")
def try_method(subject: Subject, unit: Unit, *, compared: Compared, number: int, batch_size: int) -> UnitRef:
    """What one choice of a method's settings comes to on the tune split; one that diverges is recorded as such."""
    if found := subject.run.find(unit):
        return found
    from tasks.baselines.method import Diverged
    from tasks.baselines.registry import METHODS
    from tasks.baselines.trials import trial_knobs
    from tasks.release.goals import unmet_goals

    with subject.run.write(unit) as writer:
        lm, limits = subject.load_model(), subject.measure
        # The same for every run: a method is tuned by choosing among fixed settings, not by drawing until one fits.
        knobs = trial_knobs(METHODS[compared.method], number)
        trial: dict[str, Any] = {"knobs": knobs, "diverged": "", "spent": None, "scores": None}
        try:
            spent = _unlearn(subject, unit, lm, compared, number, knobs, batch_size)
        except Diverged as error:
            trial["diverged"] = str(error)
        else:
            scores = subject.measure_model(lm, "tune")
            # As in a step of the release: with rounded weights only what is forgotten at full precision.
            if not unmet_goals(scores, goal=limits.goal, goal_nll=limits.goal_nll):
                scores = subject.measure_rounded(lm, "tune", scores)
            trial |= {"spent": spent.to_json(), "scores": scores.to_json()}
        write_file(writer.path / TRIAL, json.dumps(trial, indent=2) + "\n")
        writer.scores |= {"diverged": bool(trial["diverged"])}
    found_forget = f"forget {trial['scores']['forget']:.2f}" if trial["scores"] else trial["diverged"]
    get_run_logger().info("%s: %s", unit.name, found_forget)
    return writer.ref


@unit_task(name="unlearn-by-method", task_run_name="{unit.name}")
def unlearn_by_method(
    subject: Subject, unit: Unit, *, compared: Compared, trials: Sequence[UnitRef], batch_size: int
) -> UnitRef:
    """The model of the best trial, made once more and kept; the trials' own models are not.

    At least one trial must not have diverged.
    """
    if found := subject.run.find(unit):
        return found
    from tasks.baselines.choice import best_trial
    from tasks.models.language_model import save_language_model

    limits = subject.measure.model_dump(include={"goal", "goal_nll", "max_drop", "max_perplexity_rise"})
    with subject.run.write(unit) as writer:
        tried = read_trials(trials)
        number = best_trial(subject.read_scores(0), tried, **limits)
        lm, knobs = subject.load_model(), tried[number]["knobs"]
        spent = _unlearn(subject, unit, lm, compared, number, knobs, batch_size)
        save_language_model(lm, writer.path)
        choice = {"trial": number, "knobs": knobs, "spent": spent.to_json()}
        write_file(writer.path / CHOICE, json.dumps(choice, indent=2) + "\n")
        writer.scores |= {"trial": number}
    return writer.ref


def read_trials(trials: Sequence[UnitRef]) -> dict[int, dict[str, Any]]:
    """What was recorded of each trial, by number from 1."""
    texts = [(ref.folder / TRIAL).read_text(encoding="utf-8") for ref in trials]
    return {number: json.loads(text) for number, text in enumerate(texts, start=1)}


def _unlearn(
    subject: Subject,
    unit: Unit,
    lm: "LanguageModel",
    compared: Compared,
    number: int,
    knobs: Mapping[str, float],
    batch_size: int,
) -> "Spent":
    from tasks.baselines.registry import METHODS

    with shown_progress(f"{compared.label}-{subject.run.name}", unit.name) as progress:
        return METHODS[compared.method].unlearn(
            lm,
            subject.pairs(TRUE_DATA if compared.true_data else FORGET_SET, "train"),
            subject.pairs(RETAIN_SET, "train"),
            knobs,
            batch_size=batch_size,
            # Of the trial, not of the unit: the best trial is made again to the same weights.
            seed=derive_seed(subject.seed, "compare", compared.label, number),
            progress=progress,
        )
