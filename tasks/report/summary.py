"""The machine-readable end of a run, put together from its manifests alone: nothing is measured here."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks.assess.recovery import recovery, retention
from tasks.assess.scores import Scores
from tasks.release.goals import broken_limits, come_back, unmet_goals
from tasks.report.durability import DURABILITY, PROBES, read_durability
from tasks.settings.reunlearn import ForgottenTarget
from tasks.store.disk import disk_errors, write_file
from tasks.store.manifests import MANIFEST, read_manifest

SCHEMA = 1
SUMMARY = "summary.json"
PHASES = {
    "reveal": ("search", "forget-set"),
    "release": ("step-*/forget-adapter", "step-*/forget-weight", "step-*/retain-adapter"),
    "measure": ("step-*", "report/*"),
    "prepare": ("retain-set",),
}


def summarise(
    run_path: Path,
    *,
    target: str,
    primary: str,
    model: str,
    seed: int,
    last_step: int,
    goal: float,
    goal_nll: float,
    max_drop: float,
    max_perplexity_rise: float,
    forgotten: Sequence[ForgottenTarget] = (),
) -> dict[str, Any]:
    """The summary of a run whose report is measured; the verdict reads the `tune` split, the numbers are of `report`.

    Args:
        run_path: Folder of the run.
        target: Its name.
        primary: Name of the kept skill nearest to the forgotten one.
        model: As the user named it.
        seed: Of the run.
        last_step: The last accepted step; 0 if there is none.
        goal: Highest forget metric that counts as forgotten.
        goal_nll: Lowest NLL a token of held-out revealed pairs that counts as forgotten.
        max_drop: Allowed drop of a kept skill.
        max_perplexity_rise: Allowed relative rise of the perplexity.
        forgotten: What the model had forgotten before, each with the limit that it may not exceed again.
    """
    untouched, settled = (_scores(run_path / f"step-{step:02d}") for step in (0, last_step))
    broken = broken_limits(untouched, settled, max_drop=max_drop, max_perplexity_rise=max_perplexity_rise)
    reasons = [trip.sentence for trip in broken]
    reasons += [trip.sentence for trip in come_back(forgotten, untouched, settled)]
    reasons += unmet_goals(settled, goal=goal, goal_nll=goal_nll)
    before, after = (_scores(run_path / "report" / moment) for moment in ("before", "after"))
    gold = _scores(run_path / "report" / "gold") if (run_path / "report/gold" / MANIFEST).exists() else None
    told = {"target": target, "primary": primary, "model": model, "seed": seed}
    measured = metrics(before, after, gold) | {"guards": _guards(forgotten, untouched, settled)}
    return _summary(run_path, told, measured, last_step, reasons)


def summarise_nothing_revealed(run_path: Path, *, target: str, primary: str, model: str, seed: int) -> dict[str, Any]:
    """The summary of a run whose search found nothing of the target."""
    reveal = _reveal(run_path)
    reason = (
        f"the model reveals nothing of the target: {reveal['queries']} instructions were tried, "
        f"the best has a relevance of {reveal['best_relevance']:.3f} (score {reveal['best_score']:.3f})"
    )
    told = {"target": target, "primary": primary, "model": model, "seed": seed}
    return _summary(run_path, told, {"guards": []}, last_step=0, reasons=[reason])


def _summary(
    run_path: Path, told: Mapping[str, Any], metrics: Mapping[str, Any], last_step: int, reasons: list[str]
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": run_path.name,
        **told,
        **metrics,
        "steps": taken_steps(run_path),
        "last_step": last_step,
        "reveal": _reveal(run_path),
        "seconds": _seconds(run_path),
        "verdict": "rejected" if reasons else "accepted",
        "reasons": reasons,
        **_durability(run_path),
    }


def write_summary(run_path: Path, summary: Mapping[str, Any]) -> None:
    """Put `summary.json` into the run's folder."""
    with disk_errors(run_path):
        write_file(run_path / SUMMARY, json.dumps(summary, indent=2) + "\n")


def add_durability(run_path: Path) -> None:
    """Put what recovery tests of a finished run found into its summary."""
    write_summary(run_path, read_summary(run_path) | _durability(run_path))


def read_summary(run_path: Path) -> dict[str, Any]:
    """The summary of a finished run."""
    return json.loads((run_path / SUMMARY).read_text(encoding="utf-8"))


def _guards(forgotten: Sequence[ForgottenTarget], before: Scores, after: Scores) -> list[dict[str, Any]]:
    """What was forgotten before, in every precision, on the `tune` split, by which a run is judged."""
    return [
        {
            "target": one.name,
            "metric": one.target.kind,
            "precision": precision,
            "before": before.watched(one.watched_as)[precision],
            "after": shown,
            "limit": one.limit,
        }
        for one in forgotten
        for precision, shown in after.watched(one.watched_as).items()
    ]


def metrics(before: Scores, after: Scores, gold: Scores | None) -> dict[str, Any]:
    """What was measured of a split, in the form of the summary: forget, utility, depth, quantised, fluency."""

    def metric(better: str, read: Callable[[Scores], float | None], num: int) -> dict[str, Any]:
        return {
            "before": read(before),
            "after": read(after),
            "gold": read(gold) if gold else None,
            "better": better,
            "n": num,
        }

    num = before.num
    return {
        "forget": metric("lower", lambda s: s.forget, num["forget"]),
        "utility": {
            skill: metric("higher", lambda s, skill=skill: s.utility[skill], num[skill]) for skill in before.utility
        },
        "observed": {
            skill: metric("higher", lambda s, skill=skill: s.observed[skill], num[skill]) for skill in before.observed
        },
        "depth": {
            "forget_nll": metric("higher", lambda s: s.forget_nll, num["forget"]),
            "own_nll": metric("higher", lambda s: s.own_nll, num["own_nll"]),
            "prefill": metric("lower", lambda s: s.prefill, num["forget"]),
            "sampled": metric("lower", lambda s: s.sampled, num["forget"]),
        },
        "quantised": {
            scheme: {
                "forget": metric("lower", lambda s, at=scheme: s.quantised[at]["forget"], num["forget"]),
                "utility": {
                    skill: metric(
                        "higher", lambda s, at=scheme, name=skill: s.quantised[at]["utility"][name], num[skill]
                    )
                    for skill in before.utility
                },
                "retention": retention(after.quantised[scheme]["forget"], before.quantised[scheme]["forget"]),
                "recovery": recovery(
                    quantised=after.quantised[scheme]["forget"], full=after.forget, original=before.forget
                ),
            }
            for scheme in after.quantised
        },
        "details": {
            # Not every number exists of every model: one that writes nothing has no perplexity.
            name: metric(told["better"], lambda s, name=name: s.details.get(name, {}).get("value"), told["n"])
            for name, told in before.details.items()
        },
        "fluency": {
            "perplexity": metric("lower", lambda s: s.perplexity, num["perplexity"]),
            "repetition": metric("lower", lambda s: s.repetition, num["answers"]),
        },
    }


def taken_steps(run_path: Path) -> list[dict[str, Any]]:
    """The steps that were settled so far, accepted or undone, in order."""
    steps = []
    for folder in sorted(run_path.glob("step-*")):
        if (folder / "merge.json").exists():
            merge = json.loads((folder / "merge.json").read_text())
            scores = _scores(folder)
            chosen = {name: merge[name] for name in ("step", "forget_weight", "retain_weight", "accepted", "why")}
            told = {"interference": merge["interference"]["overall"], "surviving": merge["surviving"]}
            steps.append(chosen | {"forget": scores.forget} | told | _shown(scores))
    return steps


def _shown(scores: Scores) -> dict[str, Any]:
    return {
        "own_nll": scores.own_nll,
        "utility": dict(scores.utility),
        "perplexity": scores.perplexity,
        "quantised": scores.quantised,
    }


def _reveal(run_path: Path) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for name in ("search", "forget-set"):
        if (run_path / name / MANIFEST).exists():
            scores |= read_manifest(run_path / name)["scores"]
    return scores


def _durability(run_path: Path) -> dict[str, Any]:
    """What an assessment found, where there was one since the run was finished first."""
    if not (run_path / DURABILITY).exists():
        return {}
    found = read_durability(run_path)
    benchmarks = {"benchmarks": found["benchmarks"]} if "benchmarks" in found else {}
    return {"durability": {probe: found[probe] for probe in found if probe in PROBES}} | benchmarks


def _seconds(run_path: Path) -> dict[str, float]:
    """Wall seconds of each phase, from the manifests of its units."""
    seconds = {}
    for phase, patterns in PHASES.items():
        folders = [path.parent for pattern in patterns for path in run_path.glob(f"{pattern}/{MANIFEST}")]
        seconds[phase] = round(sum(map(_duration, folders)), 2)
    return seconds


def _duration(folder: Path) -> float:
    manifest = read_manifest(folder)
    return (datetime.fromisoformat(manifest["ended"]) - datetime.fromisoformat(manifest["started"])).total_seconds()


def _scores(folder: Path) -> Scores:
    return Scores.from_json(json.loads((folder / "scores.json").read_text()))
