"""Methods side by side, put together from the units of their runs alone: a row a method and seed."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tasks.assess.scores import Scores
from tasks.release.goals import broken_limits
from tasks.report.durability import DURABILITY, PROBES, probe_metrics, read_durability
from tasks.report.standings import Standing, extracted, largest_drop, relearned, standings
from tasks.report.summary import metrics, read_summary
from tasks.report.tables import Row, markdown_table, print_rows
from tasks.settings.compare import Compared, compared_folder
from tasks.settings.target import MeasureSettings
from tasks.store.manifests import MANIFEST, read_manifest

SCHEMA = 1
COMPARISON = "comparison.json"
OURS = "reveal-release"
GOLD = "gold"
_TITLES = {
    OURS: ("Reveal-and-Release", "arXiv:2509.14624"),
    GOLD: ("gold: trained again without the data", ""),
    "sisa": ("SISA sharding", "arXiv:1912.03817"),
}


def comparison(
    name: str,
    runs: Mapping[int, Path],
    compared: Sequence[Compared],
    *,
    target: str,
    primary: str,
    model: str,
    trials: int,
    measure: MeasureSettings,
    missing: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """All rows that are there; what was to be compared and is not is listed with the reason.

    Args:
        name: Of the comparison.
        runs: Folder of the run of each seed.
        compared: The methods beside ours and gold.
        target: Its name.
        primary: Name of the kept skill nearest to the forgotten one.
        model: As the user named it.
        trials: Choices of settings that each method was given.
        measure: The limits that a row is marked by.
        missing: `method`, `seed`, `why`.
    """
    rows, originals = [], {}
    for seed, run_path in runs.items():
        if not (run_path / "report/before" / MANIFEST).exists():
            continue
        limits = measure.model_dump(include={"max_drop", "max_perplexity_rise"})
        before = _scores(run_path / "report/before")
        found = [_own_row(run_path), _gold_row(run_path), *(_row(run_path, one, trials) for one in compared)]
        for row, after in (one for one in found if one):
            within = not broken_limits(before, after, **limits)
            marks = {"seed": seed, "within_limits": within, "met_goal": after.worst_forget() <= measure.goal}
            rows.append(row | marks | {k: _without_gold(v) for k, v in metrics(before, after, None).items()})
        originals[str(seed)] = _durability(run_path, "before")
    told = {"name": name, "target": target, "primary": primary, "model": model, "seeds": list(runs), "trials": trials}
    told |= measure.model_dump(include={"goal", "max_drop", "max_perplexity_rise"})
    rows.sort(key=lambda row: [*_order(compared)].index(row["label"]))
    return {"schema": SCHEMA, **told, "rows": rows, "original": originals, "missing": list(missing)}


def read_comparison(folder: Path) -> dict[str, Any]:
    """A comparison that was written before."""
    return json.loads((folder / COMPARISON).read_text(encoding="utf-8"))


def print_comparison(result: Mapping[str, Any], console: Console) -> None:
    """What a person reads at the end of a comparison."""
    console.print()
    print_rows(console, "On the report split, means over the seeds", comparison_rows(result))
    for one in result["missing"]:
        console.print(f"- {one['method']}, seed {one['seed']}: {one['why']}", soft_wrap=True)


def comparison_csv(result: Mapping[str, Any]) -> str:
    """One line a method and seed, every number that a row has."""
    lines = [_flat(row) for row in result["rows"]]
    columns = dict.fromkeys(name for line in lines for name in line)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def comparison_rows(result: Mapping[str, Any]) -> list[Row]:
    """One row a method, in the order of the ranking: means over its seeds, on the report split."""
    return [_mean_row(one) for one in standings(result)]


def comparison_markdown(result: Mapping[str, Any]) -> str:
    """The table on one page, with what is missing; holds numbers only, none of the revealed text."""
    parts = [f"# {result['name']}", f"Target `{result['target']}`, model `{result['model']}`, seeds {result['seeds']}."]
    parts.append(f"On the report split; each method is the best of {result['trials']} trials on the tune split.")
    if rows := comparison_rows(result):
        parts.append(markdown_table(rows))
    parts += [f"- {one['method']}, seed {one['seed']}: {one['why']}" for one in result["missing"]]
    return "\n\n".join(parts) + "\n"


def _mean_row(one: Standing) -> Row:
    def average(read: Callable[[Mapping[str, Any]], float | None]) -> str:
        value = one.mean(read)
        return "" if value is None else f"{value:.3f}"

    return {
        "method": one.title,
        "seeds": str(len(one.rows)),
        "forget": average(lambda row: row["forget"]["after"]),
        "at int4_g64": average(lambda row: _rounded(row, "int4_g64")),
        "largest drop": average(lambda row: largest_drop(row["utility"])),
        "perplexity": average(lambda row: row["fluency"]["perplexity"]["after"]),
        "NLL": average(lambda row: row["depth"]["forget_nll"]["after"]),
        "prefill": average(lambda row: row["depth"]["prefill"]["after"]),
        "relearned": average(relearned),
        "extracted": average(extracted),
        "within limits": f"{sum(row['within_limits'] for row in one.rows)} of {len(one.rows)}",
        "CPU seconds": average(lambda row: row["cost"]["seconds"]),
    }


def _order(compared: Sequence[Compared]) -> list[str]:
    return [OURS, GOLD, *(one.label for one in compared)]


def _own_row(run_path: Path) -> tuple[dict[str, Any], Scores]:
    settings = {"steps": read_summary(run_path)["last_step"]}
    row = _described(OURS) | {"settings": settings, "trials": [], "cost": _own_cost(run_path)}
    return row | {"durability": _durability(run_path, "after")}, _scores(run_path / "report/after")


def _gold_row(run_path: Path) -> tuple[dict[str, Any], Scores] | None:
    if not (run_path / "report/gold" / MANIFEST).exists():
        return None
    row = _described(GOLD) | {"data": "none", "settings": {}, "trials": [], "cost": _no_cost()}
    return row | {"durability": _durability(run_path, "gold")}, _scores(run_path / "report/gold")


def _row(run_path: Path, compared: Compared, num_trials: int) -> tuple[dict[str, Any], Scores] | None:
    folder = run_path / compared_folder(compared, num_trials)
    if not (folder / "report" / MANIFEST).exists():
        return None
    row = _described(compared.method, label=compared.label, data="true" if compared.true_data else "revealed")
    if compared.method == "sisa":
        choice = json.loads((folder / "model/choice.json").read_text())
        # Of forgetting alone: its unit also trains what a user of SISA has trained long before.
        cost = _no_cost() | choice["spent"]
        row |= {"data": "true", "trials": [], "cost": cost}
        row |= {"settings": choice["knobs"] | {"forget_before": choice["forget_before"]}}
    else:
        row |= _tried(run_path, folder, num_trials)
    probes = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/probe.json")}
    found = {probe: _at(probe_metrics(probe, [result]), "before") for probe, result in probes.items()}
    return row | {"durability": found}, _scores(folder / "report")


def _tried(run_path: Path, folder: Path, num_trials: int) -> dict[str, Any]:
    """The trials of a method, the chosen one, and what both have cost."""
    choice = json.loads((folder / "model/choice.json").read_text())
    before = _scores(run_path / "step-00")
    trials = {
        path: json.loads((path / "trial.json").read_text())
        for path in sorted(folder.parent.glob("trial-*"))[:num_trials]
    }
    told = [
        {"settings": trial["knobs"], "failed": trial["diverged"], "chosen": number == choice["trial"]}
        | (_outcome(before, Scores.from_json(trial["scores"])) if trial["scores"] else {})
        for number, trial in enumerate(trials.values(), start=1)
    ]
    cost = choice["spent"] | {"seconds": _cpu_seconds(folder / "model"), "seconds_tuning": _cpu_seconds(*trials)}
    return {"settings": choice["knobs"], "trials": told, "cost": cost}


def _outcome(before: Scores, after: Scores) -> dict[str, Any]:
    return {
        "forget": after.forget,
        "largest_drop": after.largest_drop(before),
        "perplexity_rise": after.perplexity / before.perplexity - 1,
        "own_nll": after.own_nll,
    }


def _own_cost(run_path: Path) -> dict[str, Any]:
    """Of the release alone, undone steps included: what was revealed is given to all."""
    steps = sorted(path.parent for path in run_path.glob("step-*/merge.json"))
    updates, sequences = 0, 0
    for step in steps:
        for side in ("forget", "retain"):
            release = read_manifest(step / f"{side}-adapter")["identity"]["settings"]["release"]
            updates += release[f"{side}_updates"]
            sequences += release[f"{side}_updates"] * release[f"{side}_batch"]
        choices = [json.loads((step / "merge.json").read_text())["choice"]]
        choices += [json.loads(path.read_text()) for path in step.glob("forget-weight/choice.json")]
        sequences += sum(choice["sequences"] for choice in choices if choice)
    made = [path.parent for step in steps for path in step.glob(f"*/{MANIFEST}")]
    # A merge chooses b and measures what steers, as a trial of the others is measured.
    return {
        "updates": updates,
        "sequences": sequences,
        "seconds": _cpu_seconds(*made),
        "seconds_tuning": _cpu_seconds(*steps),
    }


def _cpu_seconds(*folders: Path) -> float | None:
    """Of all these units together; none where one was made before units recorded it."""
    seconds = [read_manifest(folder).get("cpu_seconds") for folder in folders]
    return None if None in seconds else sum(seconds)


def _no_cost() -> dict[str, None]:
    return dict.fromkeys(("updates", "sequences", "seconds", "seconds_tuning"))


def _described(method: str, *, label: str = "", data: str = "revealed") -> dict[str, Any]:
    title, source = _title(method)
    return {"method": method, "label": label or method, "title": title, "source": source, "data": data}


def _title(method: str) -> tuple[str, str]:
    if method in _TITLES:
        return _TITLES[method]
    from tasks.baselines.registry import METHODS

    return METHODS[method].title, METHODS[method].source


def _durability(run_path: Path, moment: str) -> dict[str, Any]:
    """What recovery tests of a run found of one of its models, in the form of a probe's own file."""
    if not (run_path / DURABILITY).exists():
        return {}
    found = {name: value for name, value in read_durability(run_path).items() if name in PROBES}
    return {probe: _at(value, moment) for probe, value in found.items()}


def _at(value: Mapping[str, Any], moment: str) -> Any:
    if moment in value:
        return value[moment]
    return {name: _at(inner, moment) for name, inner in value.items()}


def _without_gold(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_gold(inner) for name, inner in value.items() if name != "gold"}


def _rounded(row: Mapping[str, Any], scheme: str) -> float | None:
    return row["quantised"][scheme]["forget"]["after"] if scheme in row["quantised"] else None


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    named = ("label", "data", "seed", "within_limits", "met_goal")
    line = {name: row[name] for name in named}
    line |= {f"cost {name}": value for name, value in row["cost"].items()}
    line["forget"] = row["forget"]["after"]
    for group in ("utility", "observed", "depth", "fluency"):
        line |= {name: metric["after"] for name, metric in row[group].items()}
    for scheme, rounded in row["quantised"].items():
        line[f"forget at {scheme}"] = rounded["forget"]["after"]
        line |= {f"{skill} at {scheme}": metric["after"] for skill, metric in rounded["utility"].items()}
    for attack, curve in row["durability"].get("relearning", {}).items():
        if isinstance(curve, dict):
            line |= {f"{attack} relearned {updates}": value for updates, value in curve.items()}
    for group, found in row["durability"].get("extraction", {}).items():
        line |= {f"extraction {group} {name}": value for name, value in found.items()}
    line |= {f"membership {name}": value for name, value in row["durability"].get("membership", {}).items()}
    return line


def _scores(folder: Path) -> Scores:
    return Scores.from_json(json.loads((folder / "scores.json").read_text()))
