"""A run as one HTML page that may be passed on: numbers only, none of what a model wrote or was asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tasks.report.charts import BarGroup, Series, bar_chart, line_chart
from tasks.report.durability import benchmark_rows, extraction_rows, membership_rows, relearning_rows
from tasks.report.page import render
from tasks.report.run_record import RunRecord, read_record
from tasks.report.run_words import (
    TARGETS,
    headline,
    what_comes_back,
    what_is_not_known,
    what_it_cost,
    what_was_forgotten,
)
from tasks.report.summary import read_summary
from tasks.report.tables import Row, metric_rows
from tasks.store.disk import disk_errors, write_file

PAGE = "report.html"
_MODELS = {"before": "before", "after": "after", "gold": "gold"}
_ASSESSED = {"before": "original", "after": "unlearned", "gold": "gold"}
_DEPTH = {
    "prefill": "forget metric when the first tokens of the true answer are given",
    "sampled": "forget metric of answers sampled at temperature 1",
    "forget_nll": "NLL of the true answers, nats a token",
    "own_nll": "NLL of held-out pairs that the model revealed, nats a token",
}
_FORGET_SET = {
    "forget_set_size": "distinct pairs",
    "held_out": "of them held out, never trained on",
    "responses": "responses they are from",
    "yield": "share of responses that were relevant and usable",
    "duplicate": "repeated pairs left out",
    "measured": "pairs left out because the model is measured by their prompts",
    "vendi_score": "Vendi score: how many clearly different pairs it is worth",
    "embedding": "measured with",
    "stopped": "it ended by",
}


def write_run_page(run_path: Path) -> None:
    """Put `report.html` beside the summary and the ledger that it is drawn from."""
    page = run_page(read_summary(run_path), read_record(run_path))
    with disk_errors(run_path):
        write_file(run_path / PAGE, page)


def run_page(summary: Mapping[str, Any], record: RunRecord) -> str:
    """The page of a finished run, also of one that revealed nothing.

    Args:
        summary: As in `summary.json`.
        record: What the run's other files say.
    """
    return render(
        "run.html",
        summary=summary,
        record=record,
        target=TARGETS.get(summary["target"], ""),
        headline=headline(summary),
        change=_change(summary),
        loss=_loss(summary),
        forgotten=what_was_forgotten(summary, record),
        cost=what_it_cost(summary, record),
        comes_back=what_comes_back(summary),
        not_known=what_is_not_known(summary, record),
        before_after=_before_after_chart(summary, record),
        metrics=metric_rows(summary),
        step_charts=_step_charts(summary, record),
        steps=_step_rows(summary, record),
        round_chart=_round_chart(record),
        rounds=_round_rows(record),
        forget_set=_forget_set_rows(summary["reveal"]),
        depth=_depth_rows(summary),
        details=_detail_rows(summary),
        rounded_chart=_rounded_chart(summary, record),
        rounded=_rounded_rows(summary),
        **_durability(summary),
        seconds=[{"phase": phase, "seconds": f"{value:.1f}"} for phase, value in summary["seconds"].items()],
    )


def _change(summary: Mapping[str, Any]) -> str:
    if "forget" not in summary:
        return ""
    return f"{summary['forget']['before']:.3f} → {summary['forget']['after']:.3f}"


def _loss(summary: Mapping[str, Any]) -> str:
    changes = [metric["after"] - metric["before"] for metric in summary.get("utility", {}).values()]
    return f"{min(changes):+.3f}" if changes else ""


def _before_after_chart(summary: Mapping[str, Any], record: RunRecord) -> Markup | None:
    if "forget" not in summary:
        return None
    groups = [BarGroup("to forget: " + summary["target"], _bars(summary["forget"]), record.limits["goal"])]
    groups += [
        BarGroup(f"to keep: {skill}", _bars(metric), metric["before"] - record.limits["max_drop"])
        for skill, metric in summary["utility"].items()
    ]
    groups += [BarGroup(f"beside it: {skill}", _bars(metric)) for skill, metric in summary["observed"].items()]
    return bar_chart("Before, after and gold: the skill to forget and the skills to keep", groups)


def _step_charts(summary: Mapping[str, Any], record: RunRecord) -> list[tuple[Markup, str]]:
    """Charts over the steps on the `tune` split, from the untouched model on, each with its caption."""
    steps, untouched, limits = summary["steps"], record.untouched, record.limits
    if not steps or untouched is None:
        return []
    ticks = ["0", *(str(step["step"]) for step in steps)]
    undone = {place for place, step in enumerate(steps, start=1) if not step["accepted"]}
    series = {
        "forget": [untouched.forget, *(step["forget"] for step in steps)],
        "nll": [untouched.own_nll, *(step["own_nll"] for step in steps)],
    }
    drops = [_largest_drop(step, record)[1] for step in steps]
    if None not in drops:
        series["drop"] = [max(0.0, drop) for drop in (0.0, *drops)]
    told = {
        "forget": ("Forget metric", limits["goal"], 1.0, "Forget metric: below the dashed line is forgotten."),
        "nll": (
            "NLL of held-out revealed pairs", limits["goal_nll"], None,
            "NLL a token of held-out revealed pairs: above the dashed line is deep enough.",
        ),
        "drop": (
            "Largest drop of a kept skill", limits["max_drop"], None,
            "Largest drop of a kept skill, full precision: the dashed line is the limit.",
        ),
    }  # fmt: skip
    charts = []
    for name, values in series.items():
        title, limit, top, caption = told[name]
        chart = line_chart(title, [Series(title, values, undone)], ticks, across="step", limit=limit, top=top)
        charts.append((chart, caption))
    return charts


def _step_rows(summary: Mapping[str, Any], record: RunRecord) -> list[Row]:
    rows = []
    for step in summary["steps"]:
        skill, drop = _largest_drop(step, record)
        rows.append(
            {
                "step": str(step["step"]),
                "kept?": "kept" if step["accepted"] else "undone",
                "forget": _number(step["forget"]),
                "NLL": _number(step["own_nll"]),
                "largest drop": _number(drop),
                "of": skill,
                "perplexity": _number(step["perplexity"]),
                "subtracted": f"{step['forget_weight']:.3g}",
                "added": f"{step['retain_weight']:.3g}",
                "why": step["why"],
            }
        )
    return rows


def _largest_drop(step: Mapping[str, Any], record: RunRecord) -> tuple[str, float | None]:
    """Which kept skill is furthest below the untouched model, and how far; negative where all rose."""
    if record.untouched is None or not step["utility"]:
        return "", None
    drops = {skill: record.untouched.utility[skill] - value for skill, value in step["utility"].items()}
    skill = max(drops, key=drops.__getitem__)
    return skill, drops[skill]


def _round_chart(record: RunRecord) -> Markup | None:
    groups = [
        BarGroup(
            f"round {one['outer_round']}",
            {"mean": one["mean_score"], "best": one["best_score"], "again": one["best_fresh_score"]},
        )
        for one in record.rounds
    ]
    return bar_chart("Scores of each round of the search", groups) if groups else None


def _round_rows(record: RunRecord) -> list[Row]:
    return [
        {
            "round": str(one["outer_round"]),
            "instructions in the pool": str(one["pool"]),
            "tried": str(one["queries"]),
            "mean score": _number(one["mean_score"]),
            "best score": _number(one["best_score"]),
            "best on fresh samples": _number(one["best_fresh_score"]),
        }
        for one in record.rounds
    ]


def _forget_set_rows(reveal: Mapping[str, Any]) -> list[Row]:
    return [
        {"counted": words, "value": _value(reveal[name])}
        for name, words in _FORGET_SET.items()
        if reveal.get(name) is not None
    ]


def _depth_rows(summary: Mapping[str, Any]) -> list[Row]:
    if "depth" not in summary:
        return []
    return [
        {"measured": words} | _moments(summary["depth"][name])
        for name, words in _DEPTH.items()
        if summary["depth"][name]["after"] is not None
    ]


def _detail_rows(summary: Mapping[str, Any]) -> list[Row]:
    return [{"measured": name} | _moments(metric) for name, metric in summary.get("details", {}).items()]


def _rounded_chart(summary: Mapping[str, Any], record: RunRecord) -> Markup | None:
    if not summary.get("quantised"):
        return None
    precisions = {"full precision": summary["forget"]}
    precisions |= {scheme: found["forget"] for scheme, found in summary["quantised"].items()}
    groups = [BarGroup(name, _bars(metric), record.limits["goal"]) for name, metric in precisions.items()]
    return bar_chart("Forget metric with full and with rounded weights", groups)


def _rounded_rows(summary: Mapping[str, Any]) -> list[Row]:
    rows = []
    for scheme, found in summary.get("quantised", {}).items():
        drops = {skill: metric["before"] - metric["after"] for skill, metric in found["utility"].items()}
        most = max(drops, key=drops.__getitem__) if drops else ""
        rows.append(
            {
                "weights": scheme,
                "forget, after": _number(found["forget"]["after"]),
                "left of it": _number(found["retention"]),
                "brought back": _number(found["recovery"]),
                "largest drop": _number(drops.get(most)),
                "of": most,
            }
        )
    return rows


def _durability(summary: Mapping[str, Any]) -> dict[str, Any]:
    found = summary.get("durability", {}) | {"assessed": "unlearned"}
    titles = {
        "forget": "Fine-tuned on forget pairs: how fast the skill is back.",
        "unrelated": "Fine-tuned on unrelated pairs: whether that alone brings it back.",
    }
    charts = [
        (_relearning_chart(titles[attack], found["relearning"][attack]), titles[attack])
        for attack in titles
        if "relearning" in found
    ]
    return {
        "relearning_charts": charts,
        "relearning": relearning_rows(found),
        "membership": membership_rows(found),
        "extraction": extraction_rows(found),
        "benchmarks": benchmark_rows(summary | {"assessed": "unlearned"}),
    }


def _relearning_chart(title: str, curve: Mapping[str, Mapping[str, Any]]) -> Markup:
    series = [
        Series(name, [metric[moment] for metric in curve.values()])
        for moment, name in _ASSESSED.items()
        if curve["0"][moment] is not None
    ]
    return line_chart(title, series, list(curve), across="updates", top=1.0)


def _bars(metric: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: metric[moment] for moment, name in _MODELS.items()}


def _moments(metric: Mapping[str, Any]) -> Row:
    return {name: _number(metric[moment]) for moment, name in _MODELS.items()} | {
        "better": metric["better"],
        "n": str(metric["n"]),
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _value(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
