"""Methods side by side as one HTML page, and their trade-off as a plot; ours is one row among others."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import getitem
from statistics import mean
from typing import Any

from markupsafe import Markup

from tasks.report.charts import Point, Series, line_chart, scatter_chart
from tasks.report.durability import PROBES
from tasks.report.page import render, style_sheet
from tasks.report.run_words import TARGETS, untried
from tasks.report.standings import (
    Best,
    Row,
    Standing,
    best_at,
    cpu_seconds,
    deepest,
    extracted,
    largest_drop,
    perplexity_rise,
    relearned,
    standings,
    unbeaten,
    worst_drop,
    worst_forget,
)

_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
_COSTS = {
    "updates": "updates",
    "sequences": "sequences",
    "seconds": "CPU seconds",
    "seconds_tuning": "CPU seconds, choosing settings",
}
_SEARCHES = {
    "new search: best score": ("fresh", "score"),
    "yield": ("fresh", "yield"),
    "saved arms: best score": ("saved", "score"),
    "their yield": ("saved", "yield"),
}
_LIKELIHOODS = {"loss": ("loss",), "min-20%": ("min_20",), "min-40%": ("min_40",), "zlib": ("zlib",)}
_SCATTER = {
    "title": "What is left of the forgotten against what was lost of the kept",
    "across": "largest drop of a kept skill (lower is better)",
    "down": "forget metric (lower is better)",
}


def comparison_page(comparison: Mapping[str, Any]) -> str:
    """The page of a comparison, also of one with rows or recovery tests missing; holds numbers only.

    Args:
        comparison: As in `comparison.json`.
    """
    found = standings(comparison)
    ranked = [one for one in found if one.place]
    return render(
        "comparison.html",
        comparison=comparison,
        target=TARGETS.get(comparison["target"], ""),
        compared=_what_was_compared(comparison, ranked),
        outcome=_outcome(ranked, comparison),
        plot=_plot(comparison, found) if found else None,
        key=[(_label(one, found), one.title) for one in found],
        ranking=[_ranking_row(one, found) for one in found],
        best=[_best_row(one) for one in best_at(ranked)],
        curves=_relearning_charts(comparison, found),
        searches=_recovery_rows(comparison, found, "extraction", _SEARCHES),
        likelihoods=_recovery_rows(comparison, found, "membership", _LIKELIHOODS),
        methods=[_method(one) for one in found],
        costs=[_cost_row(one) for one in found],
        missing=[f"{one['method']}, seed {one['seed']}: {one['why']}" for one in comparison["missing"]],
        not_concluded=_what_cannot_be_concluded(comparison, found),
    )


def comparison_plot(comparison: Mapping[str, Any]) -> str:
    """Forget metric against the largest drop of a kept skill, with full, int8 and int4 weights, as an SVG file."""
    return str(_plot(comparison, standings(comparison), standalone=style_sheet())) + "\n"


def _plot(comparison: Mapping[str, Any], found: Sequence[Standing], *, standalone: str = "") -> Markup:
    points = [
        Point(
            _label(one, found),
            one.title + (" (breaks limits)" if one.breaks_limits else ""),
            _places(one),
            one.breaks_limits,
        )
        for one in found
    ]
    limits = comparison["max_drop"], comparison["goal"]
    return scatter_chart(**_SCATTER, points=points, limits=limits, standalone=standalone)


def _label(one: Standing, found: Sequence[Standing]) -> str:
    """A letter, in the order of the table: places may be shared."""
    return chr(ord("A") + next(number for number, other in enumerate(found) if other is one))


def _place(one: Standing, found: Sequence[Standing]) -> str:
    if one.place is None:
        return "–"
    return f"{one.place} =" if [other.place for other in found].count(one.place) > 1 else str(one.place)


def _places(one: Standing) -> dict[str, tuple[float, float]]:
    """Means over the seeds of the largest drop and the forget metric, by precision."""

    def mean_place(parts: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
        return mean(largest_drop(part["utility"]) for part in parts), mean(part["forget"]["after"] for part in parts)

    places = {"full": mean_place(one.rows)}
    for scheme in one.rows[0]["quantised"]:
        if (precision := scheme.partition("_")[0]) not in places:
            places[precision] = mean_place([row["quantised"][scheme] for row in one.rows])
    return places


def _what_was_compared(comparison: Mapping[str, Any], ranked: Sequence[Standing]) -> list[str]:
    tried = [one.title for one in ranked if any(row["trials"] for row in one.rows)]
    untried = [one.title for one in ranked if one.title not in tried]
    told = [
        "Each method was given the same forget data, which the model itself had revealed, and the same data to keep.",
        "All were measured alike, on prompts by which nothing was chosen.",
    ]
    if tried:
        told.append(
            f"{comparison['trials']} settings of each were tried on other prompts, the best is shown: {_list(tried)}."
        )
    if untried:
        told.append(f"No settings were tried here for {_list(untried)}: the given ones were used.")
    return told


def _outcome(ranked: Sequence[Standing], comparison: Mapping[str, Any]) -> list[str]:
    if not ranked:
        return ["No method has a result yet."]
    wanted = len(comparison["seeds"])
    before = mean(row["forget"]["before"] for one in ranked for row in one.rows)
    met = [f"{one.title} ({_left_and_lost(one)})" for one in ranked if one.num_met == wanted]
    sometimes = [f"{one.title} ({one.num_met} of {wanted})" for one in ranked if 0 < one.num_met < wanted]
    never = [f"{one.title} ({_left_and_lost(one)})" for one in ranked if one.num_met == 0]
    told = [
        f"Before, the forget metric was {before:.3f}. In brackets: what is left of it / the largest drop of a kept "
        "skill, both at the worst precision."
    ]
    told += [f"Forgot as much as wanted, within all limits, on every seed: {_list(met) or 'none'}."]
    if sometimes:
        told.append(f"On some seeds: {_list(sometimes)}.")
    if never:
        told.append(f"On none: {_list(never)}.")
    front = [one.title + (" (breaks limits)" if one.breaks_limits else "") for one in unbeaten(ranked)]
    told.append(f"Beaten by no other on forgetting and kept skills together: {_list(front)}.")
    return told


def _left_and_lost(one: Standing) -> str:
    return f"{one.mean(worst_forget):.3f} / {one.mean(worst_drop):.3f}"


def _what_cannot_be_concluded(comparison: Mapping[str, Any], found: Sequence[Standing]) -> list[str]:
    num = min((row["forget"]["n"] for one in found for row in one.rows), default=0)
    seeds = len(comparison["seeds"])
    told = [
        "This is one seed: which of two near methods is better cannot be told from it."
        if seeds == 1
        else f"There are {seeds} seeds: their spread is shown, but it is no test of significance."
    ]
    if num:
        told.append(f"With {num} prompts one counts about {1 / num:.3f}; smaller differences mean nothing.")
    partial = [f"{one.title} ({len(one.rows)} of {seeds})" for one in found if not one.is_complete]
    if partial:
        told.append(f"Not on every seed, so their means are of other seeds than the rest's: {_list(partial)}.")
    for probe in PROBES:
        without = [one.title for one in found if any(probe not in row["durability"] for row in one.rows)]
        if without:
            told.append(untried(probe, "" if len(without) == len(found) else f"every seed of {_list(without)}"))
    told += [
        f"{comparison['trials']} trials within ranges that we chose: a method may do better with more, or in others.",
        f"One model and one target ({comparison['target']}): another may turn the order around.",
        "Prompts of other kinds (other words, other languages, attacks) were not measured.",
    ]
    reference = [one.title for one in found if not one.place]
    if reference:
        told.append(f"Not ranked, because a user does not have the data they need: {_list(reference)}.")
    return told


def _ranking_row(one: Standing, found: Sequence[Standing]) -> dict[str, Any]:
    return {
        "label": _label(one, found),
        "title": one.title,
        "link": _link(one.source),
        "source": one.source,
        "breaks": one.breaks_limits,
        "numbers": {
            "place": _place(one, found),
            "goal and limits met": f"{one.num_met} of {one.wanted}",
            "forget": _number(one.mean(lambda row: row["forget"]["after"])),
            "worst precision": _number(one.mean(worst_forget)),
            "largest drop": _number(one.mean(lambda row: largest_drop(row["utility"]))),
            "perplexity": _percent(one.mean(perplexity_rise)),
            "first tokens or sampled": _number(one.mean(deepest)),
            "NLL, true answers": _number(one.mean(lambda row: row["depth"]["forget_nll"]["after"])),
            "relearned": _number(one.mean(relearned)),
            "CPU seconds": _number(one.mean(cpu_seconds), 0),
        },
    }


def _best_row(best: Best) -> dict[str, str]:
    def told(titles: Sequence[str], value: float | None) -> str:
        return f"{_list(titles)} ({value:.3g})" if titles else ""

    return {
        "asked": best.asked,
        "best within the limits on every seed": told(best.within, best.within_value) or "none",
        "better still, but breaks limits": told(best.beyond, best.beyond_value) or "none",
    }


def _relearning_charts(comparison: Mapping[str, Any], found: Sequence[Standing]) -> list[tuple[Markup, str]]:
    """A chart a method, with the original and gold beside it: means over the seeds that have all of them."""
    gold = {row["seed"]: row for one in found for row in one.rows if row["method"] == "gold"}
    charts = []
    for one in found:
        curves = {row["seed"]: _curve(row["durability"]) for row in one.rows if _curve(row["durability"])}
        if not curves:
            continue
        beside = {
            "original": {seed: _curve(comparison["original"].get(str(seed), {})) for seed in curves},
            "this": curves,
        }
        if one.rows[0]["method"] != "gold":
            beside["gold"] = {seed: _curve(gold[seed]["durability"]) if seed in gold else {} for seed in curves}
        ticks = list(next(iter(curves.values())))
        series = [
            Series(name, [mean(curve[tick] for curve in by_seed.values()) for tick in ticks])
            for name, by_seed in beside.items()
            if all(by_seed.values())
        ]
        title = f"{one.title}: forget metric while it is fine-tuned on forget pairs"
        charts.append(
            (line_chart(title, series, ticks, across="updates", top=1.0), f"{one.title}, {_seeds(len(curves))}")
        )
    return charts


def _recovery_rows(
    comparison: Mapping[str, Any], found: Sequence[Standing], probe: str, columns: Mapping[str, Sequence[str]]
) -> list[dict[str, str]]:
    """One row a model on which the test was made on every seed, the original first: means over the seeds.

    Args:
        comparison: Of which the page is.
        found: Its methods.
        probe: The recovery test.
        columns: Where in the result of the test a number is, by the words that it is shown under.
    """
    models = {"original": list(comparison["original"].values())}
    models |= {one.title: [row["durability"] for row in one.rows] for one in found}
    made = {title: [tests[probe] for tests in seeds if probe in tests] for title, seeds in models.items()}
    return [
        {"model": title}
        | {words: _number(mean(reduce(getitem, path, result) for result in results)) for words, path in columns.items()}
        for title, results in made.items()
        if results and len(results) == len(models[title])
    ]


def _curve(durability: Mapping[str, Any]) -> Mapping[str, float]:
    return durability.get("relearning", {}).get("forget", {})


def _method(one: Standing) -> dict[str, Any]:
    """What is told of a method on demand: each seed, each trial."""
    return {
        "title": one.title,
        "seeds": [_seed_row(row) for row in one.rows],
        "skills": [
            {"seed": str(row["seed"])} | {skill: _number(metric["after"]) for skill, metric in row["utility"].items()}
            for row in one.rows
        ],
        "settings": [_settings_row(row) for row in one.rows if row["settings"]],
        "trials": [
            _trial_row(row, number, trial) for row in one.rows for number, trial in enumerate(row["trials"], start=1)
        ],
    }


def _seed_row(row: Row) -> dict[str, str]:
    return {
        "seed": str(row["seed"]),
        "goal": "met" if row["met_goal"] else "not met",
        "limits": "kept" if row["within_limits"] else "broken",
        "forget": f"{row['forget']['before']:.3f} → {row['forget']['after']:.3f}",
        **{scheme: _number(found["forget"]["after"]) for scheme, found in row["quantised"].items()},
        "largest drop": _number(largest_drop(row["utility"])),
        "perplexity": _percent(perplexity_rise(row)),
        "first tokens": _number(row["depth"]["prefill"]["after"]),
        "sampled": _number(row["depth"]["sampled"]["after"]),
        "NLL, true answers": _number(row["depth"]["forget_nll"]["after"]),
        "NLL, revealed": _number(row["depth"]["own_nll"]["after"]),
        "relearned": _number(relearned(row)),
        "extracted": _number(extracted(row)),
    }


def _settings_row(row: Row) -> dict[str, str]:
    return {"seed": str(row["seed"])} | {name: _setting(value) for name, value in row["settings"].items()}


def _trial_row(row: Row, number: int, trial: Mapping[str, Any]) -> dict[str, str]:
    return {
        "seed": str(row["seed"]),
        "trial": str(number),
        "settings": ", ".join(f"{name} {_setting(value)}" for name, value in trial["settings"].items()),
        "forget": _number(trial.get("forget")),
        "largest drop": _number(trial.get("largest_drop")),
        "perplexity": _percent(trial.get("perplexity_rise")),
        "NLL, revealed": _number(trial.get("own_nll")),
        "outcome": "chosen" if trial["chosen"] else str(trial["failed"] or ""),
    }


def _cost_row(one: Standing) -> dict[str, str]:
    def read(name: str) -> Callable[[Row], float | None]:
        return lambda row: row["cost"].get(name)

    return {"method": one.title} | {words: _number(one.mean(read(name)), 0) for name, words in _COSTS.items()}


def _link(source: str) -> str:
    found = _ARXIV.fullmatch(source)
    return f"https://arxiv.org/abs/{found[1]}" if found else ""


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def _seeds(num: int) -> str:
    return f"mean of {num} seeds" if num > 1 else "one seed"


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.1%}"


def _setting(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
